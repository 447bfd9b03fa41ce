-- Who sent in the name of a domain in the last 30 days, by the domains that DKIM and SPF proved.
-- Where neither proved any, nobody answers for the mail: a forgery, or a server that nobody has set up.
WITH proved AS (
  SELECT
    domain,
    array_join(
      array_sort(array_distinct(transform(filter(dkim_results, it -> it.result = 'pass'), it -> it.domain))), ', '
    ) AS signed_by,
    CASE WHEN spf_result = 'pass' THEN spf_domain ELSE '' END AS mail_from,
    source_ip,
    messages,
    passed
  FROM dmarc
  WHERE authenticated
    AND day >= CAST(CAST(current_date - INTERVAL '30' DAY AS date) AS varchar)
)
SELECT
  domain,
  signed_by,
  mail_from,
  count(DISTINCT source_ip) AS addresses,
  sum(messages) AS messages,
  coalesce(sum(messages) FILTER (WHERE passed), 0) AS passed,
  round(1e2 * coalesce(sum(messages) FILTER (WHERE passed), 0) / nullif(sum(messages), 0), 2) AS passed_percent
FROM proved
GROUP BY 1, 2, 3
ORDER BY domain, messages DESC, signed_by, mail_from
