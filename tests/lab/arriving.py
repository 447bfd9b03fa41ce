"""Mail from outside, brought to the lab's MX port the way other servers do it."""

import smtplib
import ssl
from email.message import EmailMessage
from email.policy import SMTP

from ses_constructs.lab import Lab


def write(*, subject: str = "Hello", text: str = "Hello.\n", **fields: str) -> EmailMessage:
    """Write a mail of Ann's. :param fields: more header fields, with ``_`` for ``-``."""
    message = EmailMessage()
    message["From"], message["Subject"] = "Ann <ann@sender.example>", subject
    message["Message-ID"] = "<1@sender.example>"
    for name, value in fields.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message


def bring(lab: Lab, recipient: str, message: EmailMessage, *, sender: str = "ann@sender.example") -> None:
    with smtplib.SMTP(*lab.mx, local_hostname="mx.sender.example", timeout=30) as smtp:
        smtp.starttls(context=ssl.create_default_context(cafile=str(lab.ca_certificate)))
        smtp.sendmail(sender, [recipient], message.as_bytes(policy=SMTP))
