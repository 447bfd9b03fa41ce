-- The objects in S3 that hold events with one address, for its erasure. Parameter: the address, in any case.
-- Looks at the whole event: also at headers, links and what servers answered.
SELECT DISTINCT "$path" AS location
FROM ses_events
WHERE strpos(
  lower(
    coalesce(json_format(CAST(mail AS json)), '')
    || ' ' || coalesce(json_format(CAST(bounce AS json)), '')
    || ' ' || coalesce(json_format(CAST(complaint AS json)), '')
    || ' ' || coalesce(json_format(CAST(delivery AS json)), '')
    || ' ' || coalesce(json_format(CAST(deliverydelay AS json)), '')
    || ' ' || coalesce(json_format(CAST(click AS json)), '')
    || ' ' || coalesce(json_format(CAST(failure AS json)), '')
  ),
  lower(trim(CAST(? AS varchar)))
) > 0
ORDER BY 1
