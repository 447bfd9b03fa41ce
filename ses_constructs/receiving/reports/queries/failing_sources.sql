-- The 50 addresses to look at first, by the last 30 days: those whose mail failed DMARC, and what says whose they are.
-- An address from which mail also passes is yours, and comes before the others. Mail that was handed on is left out.
WITH mails AS (
  SELECT
    *,
    cardinality(filter(override_reasons, it -> it IN ('forwarded', 'mailing_list', 'trusted_forwarder'))) > 0 AS handed_on
  FROM dmarc
  WHERE authenticated
    AND day >= CAST(CAST(current_date - INTERVAL '30' DAY AS date) AS varchar)
),
addresses AS (
  SELECT
    domain,
    source_ip,
    coalesce(sum(messages) FILTER (WHERE NOT passed AND NOT handed_on), 0) AS failed,
    coalesce(sum(messages) FILTER (WHERE passed), 0) AS succeeded,
    max(array_join(transform(filter(dkim_results, it -> it.result = 'pass'), it -> it.domain), ', ')) AS signed_by,
    max(CASE WHEN spf_result = 'pass' THEN spf_domain ELSE '' END) AS mail_from,
    count(DISTINCT reporter) AS reporters,
    max(day) AS last_day
  FROM mails
  GROUP BY 1, 2
)
SELECT domain, source_ip, failed, succeeded AS passed, signed_by, mail_from, reporters, last_day
FROM addresses
WHERE failed > 0
ORDER BY CASE WHEN succeeded > 0 THEN 0 ELSE 1 END, failed DESC, domain, source_ip
LIMIT 50
