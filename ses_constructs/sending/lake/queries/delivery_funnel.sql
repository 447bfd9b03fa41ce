-- What became of the messages sent in the last 30 days, per day of sending and configuration set.
-- Messages are counted, each once, whatever the number of recipients. Opens and clicks by bots do not count, nor do
-- complaints that only repeat a suppression list.
SELECT
  substr(mail."timestamp", 1, 10) AS sent_on,
  element_at(element_at(mail.tags, 'ses:configuration-set'), 1) AS configuration_set,
  count(DISTINCT mail.messageid) FILTER (WHERE event_type = 'Send') AS sent,
  count(DISTINCT mail.messageid) FILTER (WHERE event_type = 'RenderingFailure') AS not_rendered,
  count(DISTINCT mail.messageid) FILTER (WHERE event_type = 'Reject') AS rejected,
  count(DISTINCT mail.messageid) FILTER (WHERE event_type = 'Delivery') AS delivered,
  count(DISTINCT mail.messageid) FILTER (WHERE event_type = 'DeliveryDelay') AS delayed,
  count(DISTINCT mail.messageid) FILTER (WHERE bounce.bouncetype = 'Permanent') AS bounced_hard,
  count(DISTINCT mail.messageid) FILTER (WHERE bounce.bouncetype <> 'Permanent') AS bounced_soft,
  count(DISTINCT mail.messageid) FILTER (WHERE event_type = 'Complaint' AND complaint.complaintsubtype IS NULL) AS complained,
  count(DISTINCT mail.messageid) FILTER (WHERE event_type = 'Open' AND coalesce(open.isbotevent, '') <> 'Likely') AS opened,
  count(DISTINCT mail.messageid) FILTER (WHERE event_type = 'Click' AND coalesce(click.isbotevent, '') <> 'Likely') AS clicked,
  count(DISTINCT mail.messageid) FILTER (WHERE subscription.newtopicpreferences.unsubscribeall) AS unsubscribed
FROM ses_events
WHERE day >= CAST(CAST(current_date - INTERVAL '30' DAY AS date) AS varchar)
  AND substr(mail."timestamp", 1, 10) >= CAST(CAST(current_date - INTERVAL '30' DAY AS date) AS varchar)
GROUP BY 1, 2
ORDER BY 1 DESC, 2
