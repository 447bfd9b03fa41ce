-- Everything that happened to one message, oldest first. Parameter: the message id that SES returned.
SELECT DISTINCT
  coalesce(
    bounce."timestamp", complaint."timestamp", delivery."timestamp", open."timestamp", click."timestamp",
    deliverydelay."timestamp", subscription."timestamp", mail."timestamp"
  ) AS happened_at,
  eventtype AS event_type,
  array_join(
    coalesce(
      delivery.recipients,
      transform(bounce.bouncedrecipients, it -> it.emailaddress),
      transform(complaint.complainedrecipients, it -> it.emailaddress),
      transform(deliverydelay.delayedrecipients, it -> it.emailaddress),
      mail.destination
    ),
    ', '
  ) AS recipients,
  coalesce(
    bounce.bouncetype || ' ' || bounce.bouncesubtype, complaint.complaintfeedbacktype, complaint.complaintsubtype,
    delivery.smtpresponse, click.link, open.useragent, deliverydelay.delaytype, reject.reason, failure.errormessage,
    subscription.source
  ) AS detail
FROM ses_events
WHERE mail.messageid = ?
ORDER BY 1, 2
