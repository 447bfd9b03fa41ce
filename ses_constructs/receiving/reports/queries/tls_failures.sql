-- Sessions of the last 30 days that TLS did not protect, by the kind of failure (RFC 8460, section 4.3) and the server.
-- Of "not-told" the report gives the number alone.
SELECT
  domain,
  policy_type,
  result,
  receiving_host,
  sum(sessions) AS sessions,
  count(DISTINCT reporter) AS reporters,
  max(day) AS last_day
FROM tls
WHERE authenticated
  AND result <> 'success'
  AND day >= CAST(CAST(current_date - INTERVAL '30' DAY AS date) AS varchar)
GROUP BY 1, 2, 3, 4
ORDER BY sessions DESC, domain, policy_type, result, receiving_host
