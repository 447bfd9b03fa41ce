-- Bounces of the last 30 days by type, sub-type and the recipient's domain, each message and recipient once.
-- A bounce without a readable recipient has no domain.
SELECT
  bounce.bouncetype AS bounce_type,
  bounce.bouncesubtype AS bounce_subtype,
  lower(regexp_extract(recipient, '@([^@>]+)', 1)) AS recipient_domain,
  count(DISTINCT mail.messageid || ' ' || coalesce(recipient, '')) AS bounces
FROM ses_events
LEFT JOIN UNNEST(transform(bounce.bouncedrecipients, it -> it.emailaddress)) AS bounced (recipient) ON true
WHERE event_type = 'Bounce'
  AND day >= CAST(CAST(current_date - INTERVAL '30' DAY AS date) AS varchar)
GROUP BY 1, 2, 3
ORDER BY bounces DESC, bounce_type, bounce_subtype, recipient_domain
