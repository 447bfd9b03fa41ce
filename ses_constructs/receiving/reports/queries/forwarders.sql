-- Addresses that handed mail on in the last 30 days: receivers say so, or the signature holds and the MAIL FROM does not.
-- A provider that signs with your domain, but bounces to its own, looks the same as the latter.
WITH mails AS (
  SELECT
    *,
    cardinality(filter(override_reasons, it -> it IN ('forwarded', 'mailing_list', 'trusted_forwarder'))) > 0 AS handed_on
  FROM dmarc
  WHERE authenticated
    AND day >= CAST(CAST(current_date - INTERVAL '30' DAY AS date) AS varchar)
)
SELECT
  domain,
  source_ip,
  CASE WHEN handed_on THEN array_join(override_reasons, ', ') ELSE 'DKIM alone' END AS told_by,
  max(CASE WHEN spf_result = 'pass' THEN spf_domain ELSE '' END) AS mail_from,
  sum(messages) AS messages,
  coalesce(sum(messages) FILTER (WHERE passed), 0) AS passed
FROM mails
WHERE handed_on OR (dkim = 'pass' AND spf <> 'pass')
GROUP BY 1, 2, 3
ORDER BY messages DESC, domain, source_ip, told_by
