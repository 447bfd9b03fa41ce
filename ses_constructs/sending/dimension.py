"""What tells the metrics of one configuration set apart in CloudWatch.

See https://docs.aws.amazon.com/ses/latest/dg/event-publishing-add-event-destination-cloudwatch.html and, for the
characters, https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-ses-configurationseteventdestination-dimensionconfiguration.html.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from aws_cdk import aws_ses as ses

from ses_constructs._kit.checks import is_token

# The documentation has @ and . in values as well; CloudFormation refuses them.
_WORD = re.compile(r"[a-zA-Z0-9_-]{1,256}")
_AUTOMATIC = re.compile(r"ses:[a-zA-Z0-9_:-]{1,252}")
_FORBIDDEN_HEADERS = {"received", "to", "from", "dkim-signature", "cc", "message-id", "return-path"}
# https://docs.aws.amazon.com/ses/latest/dg/event-publishing-send-email.html
_AUTOMATIC_TAGS = {
    "ses:caller-identity",
    "ses:configuration-set",
    "ses:feedback-id-a",
    "ses:feedback-id-b",
    "ses:from-domain",
    "ses:operation",
    "ses:outgoing-ip",
    "ses:outgoing-tls-version",
    "ses:source-ip",
    "ses:source-tls-version",
    "ses:tenant-name",
}
# Values that are new with every message, or with every machine that takes part in sending it.
_MANY_VALUED_TAGS = {"ses:caller-identity", "ses:outgoing-ip", "ses:source-ip"}
_MANY_VALUED_HEADERS = {
    "bcc",
    "date",
    "in-reply-to",
    "list-unsubscribe",
    "references",
    "reply-to",
    "subject",
    "x-ses-message-tags",
}


@dataclass(frozen=True, slots=True)
class Dimension:
    """A dimension of the metrics of :meth:`SendingConfigurationSet.publish_to_cloud_watch`.

    Made by :meth:`message_tag`, :meth:`email_header` or :meth:`link_tag`.
    """

    source: ses.CloudWatchDimensionSource
    name: str
    default: str

    def __post_init__(self) -> None:
        """Refuse what SES or CloudFormation would refuse, and what could never have a value."""
        self._check("name", self.name, automatic=self.source is ses.CloudWatchDimensionSource.MESSAGE_TAG)
        self._check("default", self.default, automatic=False)
        if self.source is ses.CloudWatchDimensionSource.EMAIL_HEADER and self.name.lower() in _FORBIDDEN_HEADERS:
            raise ValueError(f"Dimension: name must not be a header that SES refuses here, got {self.name!r}")

    @classmethod
    def message_tag(cls, name: str, default: str = "none") -> Dimension:
        """Take the value from a tag of the message, whether your program or SES itself puts it there.

        :param name: 1 to 256 letters, digits, ``_`` and ``-``; or one of SES's own, like ``ses:from-domain``.
        :param default: the value for messages without the tag, of the same characters.
        :raises ValueError: for other characters.
        """
        return cls(ses.CloudWatchDimensionSource.MESSAGE_TAG, name, default)

    @classmethod
    def email_header(cls, name: str, default: str = "none") -> Dimension:
        """Take the value from a header of the message. With a value outside of ASCII there is no data point at all.

        :param name: 1 to 256 letters, digits, ``_`` and ``-``; not Received, To, From, DKIM-Signature, CC, Message-ID
            and Return-Path.
        :param default: the value for messages without the header, of the same characters.
        :raises ValueError: for other characters, and for these headers.
        """
        return cls(ses.CloudWatchDimensionSource.EMAIL_HEADER, name, default)

    @classmethod
    def link_tag(cls, name: str, default: str = "none") -> Dimension:
        """Take the value from the tag of a link, as in ``<a ses:tags="name:value;" href="...">``, which clicks have.

        :param name: 1 to 256 letters, digits, ``_`` and ``-``.
        :param default: the value for clicks on links without the tag and for all other events, of the same characters.
        :raises ValueError: for other characters.
        """
        return cls(ses.CloudWatchDimensionSource.LINK_TAG, name, default)

    def doubt(self) -> str | None:
        """Say what is unwise about the dimension, or None."""
        if self.source is ses.CloudWatchDimensionSource.MESSAGE_TAG:
            if self.name in _MANY_VALUED_TAGS:
                return f"{self.name} has many values, and each is a metric of its own, paid for by the month"
            if self.name.startswith("ses:") and self.name not in _AUTOMATIC_TAGS and not is_token(self.name):
                return f"SES is not known to put a tag {self.name} on messages, so that all would have the default"
        header = self.source is ses.CloudWatchDimensionSource.EMAIL_HEADER
        if header and self.name.lower() in _MANY_VALUED_HEADERS:
            return f"the header {self.name} has many values, and each is a metric of its own, paid for by the month"
        return None

    def _check(self, parameter: str, value: str, *, automatic: bool) -> None:
        if isinstance(value, str) and is_token(value):
            return
        if not isinstance(value, str) or not (_WORD.fullmatch(value) or (automatic and _AUTOMATIC.fullmatch(value))):
            rule = "must be 1 to 256 letters, digits, _ and -" + (", or a tag of SES like ses:from-domain" * automatic)
            raise ValueError(f"Dimension: {parameter} {rule}, got {value!r}")
