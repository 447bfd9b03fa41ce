"""SES events to a Firehose stream: AWS::SES::ConfigurationSetEventDestination with the role that SES needs.

See https://docs.aws.amazon.com/ses/latest/dg/event-publishing-add-event-destination-firehose.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ses as ses

from ses_constructs._kit.checks import fail
from ses_constructs._kit.stacks import same_place
from ses_constructs.sending.event_types import sending_events

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_kinesisfirehose as firehose

    from ses_constructs.sending.configuration_set import AnyConfigurationSet
    from ses_constructs.sending.event_types import EventType
    from ses_constructs.sending.lake.event_lake import EventLake


class FirehoseEventDestination(ses.ConfigurationSetEventDestination):
    """Made by :meth:`SendingConfigurationSet.publish_to_firehose`.

    It is the CDK's own event destination, with the role that SES assumes. Unless you pass a stream or a lake, a lake is
    defined beside it, in the configuration set.
    """

    def __init__(
        self,
        scope: AnyConfigurationSet,
        id: str,
        *,
        events: Sequence[EventType | str],
        stream: firehose.IDeliveryStream | None = None,
        lake: EventLake | None = None,
    ) -> None:
        """For the parameters see :meth:`SendingConfigurationSet.publish_to_firehose`."""
        sending = sending_events(scope, f"events of {id}", events)
        if stream is not None and lake is not None:
            fail(scope, f"stream and lake of {id}", "exclude each other", (stream.node.path, lake.node.path))
        if stream is None:
            lake = lake if lake is not None else _lake(scope, f"{id}Lake")
            stream = lake.stream
        elif _has_another_source(stream):
            rule = "must be a stream that is written to directly: SES cannot write to one with a source of its own"
            fail(scope, f"stream of {id}", rule, stream.node.path)
        same_place(scope, f"stream of {id}", stream, stream.delivery_stream_arn)
        role = _role(scope, f"{id}Role", stream)
        super().__init__(
            scope,
            id,
            configuration_set=scope,
            destination=ses.EventDestination.firehose_delivery_stream(delivery_stream=stream, role=role),
            events=sending,
        )
        self.stream: firehose.IDeliveryStream = stream
        """The delivery stream."""
        self.lake: EventLake | None = lake
        """The lake that the stream belongs to, unless it is a stream of yours."""
        self.role: iam.Role = role
        """What SES assumes."""


def _role(scope: AnyConfigurationSet, id: str, stream: firehose.IDeliveryStream) -> iam.Role:
    write = iam.PolicyStatement(actions=["firehose:PutRecordBatch"], resources=[stream.delivery_stream_arn])
    return iam.Role(
        scope,
        id,
        description="Lets SES write events of one configuration set to one Firehose stream",
        assumed_by=iam.ServicePrincipal(
            "ses.amazonaws.com",
            conditions={"StringEquals": {"aws:SourceAccount": Stack.of(scope).account, "aws:SourceArn": scope.arn}},
        ),
        # Part of the role itself, so that it is there before the destination, which SES may check when it is made.
        inline_policies={"Write": iam.PolicyDocument(statements=[write])},
    )


def _has_another_source(stream: firehose.IDeliveryStream) -> bool:
    resource = stream.node.default_child
    return getattr(resource, "delivery_stream_type", None) not in (None, "DirectPut")


def _lake(scope: AnyConfigurationSet, id: str) -> EventLake:
    # Loaded here: with it come CDK libraries that a destination of another kind does without.
    from ses_constructs.sending.lake.event_lake import EventLake

    return EventLake(scope, id)
