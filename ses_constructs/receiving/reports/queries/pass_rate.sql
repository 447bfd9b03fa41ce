-- Mails of the last 30 days by domain and day, how many passed DMARC, and what receivers did with the others.
-- Here and in the other queries count the reports of senders that DMARC vouches for; "reporters" shows them all.
SELECT
  domain,
  day,
  sum(messages) AS messages,
  coalesce(sum(messages) FILTER (WHERE passed), 0) AS passed,
  round(1e2 * coalesce(sum(messages) FILTER (WHERE passed), 0) / nullif(sum(messages), 0), 2) AS passed_percent,
  coalesce(sum(messages) FILTER (WHERE disposition = 'quarantine'), 0) AS quarantined,
  coalesce(sum(messages) FILTER (WHERE disposition = 'reject'), 0) AS rejected
FROM dmarc
WHERE authenticated
  AND day >= CAST(CAST(current_date - INTERVAL '30' DAY AS date) AS varchar)
GROUP BY 1, 2
ORDER BY domain, day DESC
