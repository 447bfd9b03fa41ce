-- The 50 recipient domains that took longest to accept mail in the last 30 days, in seconds from sending to delivery.
SELECT
  lower(regexp_extract(recipient, '@([^@>]+)', 1)) AS recipient_domain,
  count(*) AS deliveries,
  approx_percentile(delivery.processingtimemillis, 0.5) / 1e3 AS median_seconds,
  approx_percentile(delivery.processingtimemillis, 0.95) / 1e3 AS p95_seconds,
  max(delivery.processingtimemillis) / 1e3 AS slowest_seconds
FROM ses_events
CROSS JOIN UNNEST(delivery.recipients) AS delivered (recipient)
WHERE event_type = 'Delivery'
  AND day >= CAST(CAST(current_date - INTERVAL '30' DAY AS date) AS varchar)
GROUP BY 1
ORDER BY p95_seconds DESC, recipient_domain
LIMIT 50
