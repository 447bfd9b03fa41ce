"""CloudWatch metrics, one for each combination of the values of a destination's dimensions.

See https://docs.aws.amazon.com/ses/latest/dg/event-publishing-add-event-destination-cloudwatch.html.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ses_constructs.lab.server.destinations.event import Event
    from ses_constructs.lab.server.hooks import Emulator

_MAX_DIMENSIONS = 10
_NAME = re.compile(r"[a-zA-Z0-9_:-]{1,256}")
_DEFAULT_VALUE = re.compile(r"[a-zA-Z0-9_@.-]{1,256}")
_FORBIDDEN_HEADERS = {"received", "to", "from", "dkim-signature", "cc", "message-id", "return-path"}


class CloudWatch:
    """SES as a source of metrics in the namespace AWS/SES."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def arn(self, target: Mapping[str, Any]) -> str:
        """Return nothing: metrics have no ARN."""
        return ""

    def check(self, target: Mapping[str, Any], source_arn: str) -> str | None:
        """Refuse dimensions that break a rule."""
        dimensions = target.get("DimensionConfigurations") or []
        if not 1 <= len(dimensions) <= _MAX_DIMENSIONS:
            return f"A CloudWatch destination has 1 to {_MAX_DIMENSIONS} dimensions, got {len(dimensions)}."
        for dimension in dimensions:
            name, default = str(dimension.get("DimensionName")), str(dimension.get("DefaultDimensionValue"))
            if not _NAME.fullmatch(name):
                return f"Invalid dimension name <{name}>: only ASCII letters, digits, '_', '-' and ':' are allowed."
            if not _DEFAULT_VALUE.fullmatch(default):
                return (
                    f"Invalid default value <{default}> of dimension <{name}>: only alphanumeric ASCII characters, "
                    "'_', '-', '@' and '.' are allowed."
                )
            if dimension.get("DimensionValueSource") == "EMAIL_HEADER" and name.lower() in _FORBIDDEN_HEADERS:
                return f"The email header <{name}> cannot be a dimension."
        return None

    def publish(self, target: Mapping[str, Any], event: Event) -> str | None:
        """Count the event."""
        values: dict[str, str] = {}
        for dimension in target.get("DimensionConfigurations") or []:
            name = dimension["DimensionName"]
            found = _values(event, dimension["DimensionValueSource"], name)
            values[name] = found[0] if found else dimension["DefaultDimensionValue"]
            if not values[name].isascii():
                return (
                    f"Dimension <{name}> has the value <{values[name]}>, which is not ASCII: CloudWatch gets no metric."
                )
        self._emulator.put_metric("AWS/SES", event.event_type.replace(" ", ""), values)
        return None


def _values(event: Event, source: str, name: str) -> list[str]:
    if source == "MESSAGE_TAG":
        return list(event.document["mail"].get("tags", {}).get(name, []))
    if source == "EMAIL_HEADER":
        return [header["value"] for header in event.headers if header["name"].lower() == name.lower()]
    return list(((event.document.get("click") or {}).get("linkTags") or {}).get(name, []))
