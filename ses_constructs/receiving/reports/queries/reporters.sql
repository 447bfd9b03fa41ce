-- Who reported in the last 30 days. What is not authenticated counts in no other query and no metric: anybody may have
-- sent it, in whosever name.
SELECT
  reporter,
  sent_by,
  authenticated,
  count(DISTINCT report_id) AS reports,
  sum(messages) AS messages,
  round(1e2 * coalesce(sum(messages) FILTER (WHERE passed), 0) / nullif(sum(messages), 0), 2) AS passed_percent,
  max(day) AS last_day
FROM dmarc
WHERE day >= CAST(CAST(current_date - INTERVAL '30' DAY AS date) AS varchar)
GROUP BY 1, 2, 3
ORDER BY messages DESC, reporter, sent_by, authenticated DESC
