"""What SES says to EventBridge of the account and not of a message, without any event destination.

See https://docs.aws.amazon.com/ses/latest/dg/monitoring-eventbridge.html and
https://docs.aws.amazon.com/ses/latest/dg/tenants.html.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from ses_constructs._kit.checks import fail, items
from ses_constructs.sending.event_rule import SesEventRule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_kms as kms
    from constructs import Construct


class AccountEventType(StrEnum):
    """What SES may have to say of identities and tenants: the ``detail-type`` of the event."""

    FINDING_OPEN = "Advisor Recommendation Status Open"
    """The advisor found something wrong with an identity (DKIM, SPF, DMARC, BIMI) or with a tenant's reputation."""
    FINDING_RESOLVED = "Advisor Recommendation Status Resolved"
    """It is in order again."""
    SENDING_ENABLED = "Sending Status Enabled"
    """A tenant may send, or may send again."""
    SENDING_DISABLED = "Sending Status Disabled"
    """A tenant may not send any more, by its reputation policy or by you."""


class SesAccountEvents(SesEventRule):
    """The findings of the Virtual Deliverability Manager's advisor, and the sending status of tenants.

    Findings need the advisor, which is part of VDM, to be on in this account and region. Events come as far as
    EventBridge delivers them: SES sends them with best effort. Say where they go: ``add_queue``, ``add_function``,
    ``forward_to`` or ``add_target``.

    Defines: a rule on the default bus, and an alarm for what could not be delivered.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        events: Sequence[AccountEventType | str] = tuple(AccountEventType),
        encryption_key: kms.IKey | None = None,
        alarm_actions: Sequence[cloudwatch.IAlarmAction] = (),
    ) -> None:
        """:param events: which of them. Default: all.

        :param encryption_key: customer managed key for the dead-letter queue, if one is made. Default: a new one.
        :param alarm_actions: what the alarms do. Default: nothing, they are only seen.
        :raises ValueError: for an empty list, a plain string or an unknown type as events, an AWS managed key or an
            alias.
        """
        given = items(scope, f"events of {id}", events, what="account event types")
        unknown = [str(event) for event in given if event not in set(AccountEventType)]
        if unknown:
            fail(scope, f"events of {id}", f"must be among {', '.join(AccountEventType)}", unknown)
        super().__init__(
            scope,
            id,
            description="Events of SES on identities and tenants",
            detail_types=list(dict.fromkeys(str(event) for event in given)),
            detail=None,
            encryption_key=encryption_key,
            alarm_actions=alarm_actions,
        )
        self.events: tuple[AccountEventType, ...] = tuple(dict.fromkeys(AccountEventType(event) for event in given))
        """The event types that the rule matches."""
