"""The IAM actions that SES checks when mail is sent, by what they are checked on.

See https://docs.aws.amazon.com/ses/latest/dg/control-user-access.html.
"""

# Raw messages and SMTP, and the others: on the identity, and on the configuration set in use.
SENDING = ("ses:SendEmail", "ses:SendRawEmail")
# With stored templates, one by one and in bulk: on the template as well.
TEMPLATED = ("ses:SendBulkEmail", "ses:SendBulkTemplatedEmail", "ses:SendTemplatedEmail")
