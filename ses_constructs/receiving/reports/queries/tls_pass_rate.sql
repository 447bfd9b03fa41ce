-- Sessions to the mail servers of a domain in the last 30 days by day, and how many of them TLS protected as its policy
-- wants it.
SELECT
  domain,
  day,
  sum(sessions) AS sessions,
  coalesce(sum(sessions) FILTER (WHERE result = 'success'), 0) AS passed,
  round(1e2 * coalesce(sum(sessions) FILTER (WHERE result = 'success'), 0) / nullif(sum(sessions), 0), 2)
    AS passed_percent
FROM tls
WHERE authenticated
  AND day >= CAST(CAST(current_date - INTERVAL '30' DAY AS date) AS varchar)
GROUP BY 1, 2
ORDER BY domain, day DESC
