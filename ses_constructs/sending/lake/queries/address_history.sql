-- Everything that happened to one address, oldest first. Parameter: the address, in any case.
-- Events that name their recipients count for those; the others for everybody the message went to.
WITH wanted AS (SELECT lower(trim(CAST(? AS varchar))) AS address)
SELECT DISTINCT
  coalesce(
    bounce."timestamp", complaint."timestamp", delivery."timestamp", open."timestamp", click."timestamp",
    deliverydelay."timestamp", subscription."timestamp", mail."timestamp"
  ) AS happened_at,
  eventtype AS event_type,
  mail.messageid AS message_id,
  mail.commonheaders.subject AS subject,
  coalesce(
    bounce.bouncetype || ' ' || bounce.bouncesubtype, complaint.complaintfeedbacktype, complaint.complaintsubtype,
    delivery.smtpresponse, click.link, open.useragent, deliverydelay.delaytype, reject.reason, failure.errormessage,
    subscription.source
  ) AS detail
FROM ses_events
CROSS JOIN wanted
WHERE contains(
  transform(
    coalesce(
      delivery.recipients,
      CASE WHEN cardinality(bounce.bouncedrecipients) > 0
        THEN transform(bounce.bouncedrecipients, it -> it.emailaddress) END,
      transform(complaint.complainedrecipients, it -> it.emailaddress),
      transform(deliverydelay.delayedrecipients, it -> it.emailaddress),
      mail.destination
    ),
    it -> lower(it)
  ),
  address
)
ORDER BY 1, 2
