-- Whether a domain is ready for the next stage, by the last 14 days. It is if there were reports of at least 12 of them,
-- and of the mail from addresses that are known, since some of it passes, at most 5 in 1,000 failed that nobody handed on.
-- Addresses from which nothing passed are for you to judge: "failing_sources" lists them.
WITH recent AS (
  SELECT
    domain,
    day,
    source_ip,
    messages,
    passed,
    cardinality(filter(override_reasons, it -> it IN ('forwarded', 'mailing_list', 'trusted_forwarder'))) > 0 AS handed_on
  FROM dmarc
  WHERE authenticated
    AND day >= CAST(CAST(current_date - INTERVAL '14' DAY AS date) AS varchar)
),
days AS (SELECT domain, count(DISTINCT day) AS days FROM recent GROUP BY 1),
addresses AS (
  SELECT
    domain,
    source_ip,
    sum(messages) AS messages,
    coalesce(sum(messages) FILTER (WHERE passed), 0) > 0 AS known,
    coalesce(sum(messages) FILTER (WHERE NOT passed AND NOT handed_on), 0) AS failed
  FROM recent
  GROUP BY 1, 2
),
domains AS (
  SELECT
    domain,
    sum(messages) AS messages,
    coalesce(sum(messages) FILTER (WHERE known), 0) AS known,
    coalesce(sum(failed) FILTER (WHERE known), 0) AS failed_of_known,
    coalesce(sum(failed) FILTER (WHERE NOT known), 0) AS failed_of_unknown,
    count(*) FILTER (WHERE NOT known AND failed > 0) AS unknown_addresses
  FROM addresses
  GROUP BY 1
)
SELECT
  domains.domain AS domain,
  days.days >= 12 AND domains.known > 0 AND 1000 * domains.failed_of_known <= 5 * domains.known AS ready,
  days.days AS days,
  domains.messages AS messages,
  domains.failed_of_known AS failed_of_known,
  domains.failed_of_unknown AS failed_of_unknown,
  domains.unknown_addresses AS unknown_addresses
FROM domains
JOIN days ON days.domain = domains.domain
ORDER BY 1
