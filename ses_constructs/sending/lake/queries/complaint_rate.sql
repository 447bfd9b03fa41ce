-- Complaints per 100 delivered messages in the last 30 days, by the tag "campaign". Aim below 0.1.
-- Not counted: what only repeats a suppression list, and what recipients reported as no spam. Gmail reports nothing.
SELECT
  element_at(element_at(mail.tags, 'campaign'), 1) AS campaign,
  count(DISTINCT mail.messageid) FILTER (WHERE event_type = 'Delivery') AS delivered,
  count(DISTINCT mail.messageid) FILTER (WHERE event_type = 'Complaint') AS complaints,
  round(
    1e2 * count(DISTINCT mail.messageid) FILTER (WHERE event_type = 'Complaint')
    / nullif(count(DISTINCT mail.messageid) FILTER (WHERE event_type = 'Delivery'), 0),
    3
  ) AS complaints_per_100
FROM ses_events
WHERE event_type IN ('Delivery', 'Complaint')
  AND day >= CAST(CAST(current_date - INTERVAL '30' DAY AS date) AS varchar)
  AND complaint.complaintsubtype IS NULL
  AND coalesce(complaint.complaintfeedbacktype, '') NOT IN ('not-spam', 'auth-failure')
GROUP BY 1
ORDER BY complaints_per_100 DESC NULLS LAST, campaign
