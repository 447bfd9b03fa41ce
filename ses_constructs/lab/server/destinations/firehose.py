"""Firehose streams, through a role that SES assumes.

See https://docs.aws.amazon.com/ses/latest/dg/event-publishing-add-event-destination-firehose.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ses_constructs.lab.server.hooks import pretty

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ses_constructs.lab.server.destinations.event import Event
    from ses_constructs.lab.server.hooks import Emulator


class Firehose:
    """SES as a producer of records. Role and stream are checked when the destination is made, and at each event."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def arn(self, target: Mapping[str, Any]) -> str:
        """Return the stream."""
        return str(target.get("DeliveryStreamArn"))

    def check(self, target: Mapping[str, Any], source_arn: str) -> str | None:
        """Refuse a role that SES cannot assume or that may not write, and a stream that is not there."""
        stream, role = self.arn(target), str(target.get("IamRoleArn"))
        trust = self._emulator.role_trust(role)
        if trust is None or not self._emulator.policy_admits_ses(trust, "sts:AssumeRole", role, source_arn):
            return f"Could not assume IAM role <{role}>."
        if not self._emulator.stream_is_active(stream):
            return f"Could not find the Firehose stream <{stream}>."
        if not self._emulator.role_may(role, "firehose:PutRecordBatch", stream):
            return f"IAM role <{role}> does not allow firehose:PutRecordBatch on <{stream}>."
        return None

    def publish(self, target: Mapping[str, Any], event: Event) -> str | None:
        """Write one record: a JSON document and a newline."""
        problem = self.check(target, event.source_arn)
        if problem is not None:
            return problem
        return self._emulator.put_record(self.arn(target), f"{pretty(event.document)}\n".encode())
