"""AWS::Events::Archive, which CloudFormation of MiniStack lacks; its EventBridge has archives.

See https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-events-archive.html.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ses_constructs.lab.server.hooks import Emulator

Properties = dict[str, Any]
Provisioned = tuple[str, dict[str, Any]]

_NAME_LIMIT = 48


def register(emulator: Emulator) -> None:
    """Let CloudFormation make archives."""
    archive = _Archive(emulator)
    emulator.register("AWS::Events::Archive", create=archive.create, update=archive.update, delete=archive.delete)


class _Archive:
    """Changed in place, except that another bus or another name is another archive."""

    def __init__(self, emulator: Emulator) -> None:
        self._base = emulator.provisioners

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> Provisioned:
        name = properties.get("ArchiveName") or self._base._physical_name(stack_name, logical_id, max_len=_NAME_LIMIT)
        request = {**self._request(properties), "ArchiveName": name, "EventSourceArn": properties["SourceArn"]}
        return name, self._attributes(self._base._eb._create_archive(request), name)

    def update(self, physical_id: str, old: Properties, new: Properties, stack_name: str) -> Provisioned:
        if any(old.get(name) != new.get(name) for name in ("ArchiveName", "SourceArn")):
            created = self.create(physical_id, new, stack_name)
            self._base._delete_predecessor(self.delete, physical_id, old)
            return created
        answer = self._base._eb._update_archive({**self._request(new), "ArchiveName": physical_id})
        return physical_id, self._attributes(answer, physical_id)

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._base._eb._delete_archive({"ArchiveName": physical_id})

    def _request(self, properties: Properties) -> Properties:
        pattern = properties.get("EventPattern")
        return {
            "Description": properties.get("Description", ""),
            "EventPattern": json.dumps(pattern) if pattern else "",
            "RetentionDays": int(properties.get("RetentionDays") or 0),
        }

    def _attributes(self, answer: Any, name: str) -> dict[str, Any]:
        status, _, body = answer
        if status >= 400:
            raise ValueError(f"AWS::Events::Archive {name}: {body!r}")
        return {"Arn": json.loads(body)["ArchiveArn"], "ArchiveName": name}
