-- Messages delivered, opened and clicked by people in the last 30 days, by the tag "campaign".
-- SES marks opens and clicks as those of a bot since August 2026; older ones count as those of people.
SELECT
  element_at(element_at(mail.tags, 'campaign'), 1) AS campaign,
  count(DISTINCT mail.messageid) FILTER (WHERE event_type = 'Delivery') AS delivered,
  count(DISTINCT mail.messageid) FILTER (WHERE event_type = 'Open' AND coalesce(open.isbotevent, '') <> 'Likely') AS opened,
  count(DISTINCT mail.messageid) FILTER (WHERE event_type = 'Click' AND coalesce(click.isbotevent, '') <> 'Likely') AS clicked,
  count(*) FILTER (WHERE 'Likely' IN (open.isbotevent, click.isbotevent)) AS events_of_bots
FROM ses_events
WHERE event_type IN ('Delivery', 'Open', 'Click')
  AND day >= CAST(CAST(current_date - INTERVAL '30' DAY AS date) AS varchar)
GROUP BY 1
ORDER BY delivered DESC, campaign
