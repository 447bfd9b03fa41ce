"""The tags that a message should carry, so that dashboards and queries know whose it is.

See https://docs.aws.amazon.com/ses/latest/dg/event-publishing-send-email.html.
"""

from enum import StrEnum


class MessageTag(StrEnum):
    """Names of message tags by convention. Names and values: letters, digits, ``_`` and ``-``; at most 256.

    The limits are those of https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_MessageTag.html.
    """

    STREAM = "stream"
    """What sort of mail it is, of very few sorts: ``receipts``, ``news``."""
    CAMPAIGN = "campaign"
    """The one mailing that it is part of: ``spring-sale-2026``."""
    TEMPLATE = "template"
    """The template that it was made from."""
    TENANT = "tenant"
    """The customer of yours for whom it is sent. Of SES's own tenants the event has ``ses:tenant-name``."""
