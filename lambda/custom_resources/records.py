"""``Custom::SesRecords``: the records of an identity, in a hosted zone of another account or beside what is there.

All of them are one change: Route 53 makes all, or none.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from custom_resources.zones import RecordSets, client
from ses_common.lifecycle import Result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custom_resources.zones import Key
    from ses_common.lifecycle import Request


class IdentityRecords:
    """Properties: ``HostedZoneId``, ``Domain``, ``Records``, and perhaps ``RoleArn`` and ``Existing`` (``adopt``).

    The physical id is zone and domain, and which records were adopted, so that they are left behind.
    """

    def create(self, request: Request) -> Result:
        """Make all records. One that is in the way is left as it is, and stops everything.

        To adopt, one that says the same is good enough. Of a request that comes twice it then leaves all behind.
        """
        adopt = _adopts(request)
        there = _zone(request.properties).replace({}, _record_sets(request.properties), request.deadline, adopt=adopt)
        return Result("/".join([*_place(request.properties), *([".".join(map(_mark, there))] if adopt else [])]))

    def update(self, request: Request) -> Result:
        """Change what is different; another zone is another resource."""
        if request.physical_id.split("/")[:2] != _place(request.properties):
            return self.create(request)
        before, after = _record_sets(request.old_properties), _record_sets(request.properties)
        before = {key: it for key, it in before.items() if key in after or not _is_adopted(key, request)}
        _zone(request.properties).replace(before, after, request.deadline, adopt=_adopts(request))
        return Result(request.physical_id)

    def delete(self, request: Request) -> None:
        """Take away the records, but for those that were adopted, and those that somebody has changed since."""
        record_sets = _record_sets(request.properties)
        ours = {key: it for key, it in record_sets.items() if not _is_adopted(key, request)}
        _zone(request.properties).replace(ours, {}, request.deadline, missing_zone_is_fine=True)


def _zone(properties: Mapping[str, Any]) -> RecordSets:
    return RecordSets(client(properties.get("RoleArn")), properties["HostedZoneId"])


def _adopts(request: Request) -> bool:
    return bool(request.properties.get("Existing") == "adopt")


def _place(properties: Mapping[str, Any]) -> list[str]:
    return [properties["HostedZoneId"], properties["Domain"]]


def _is_adopted(key: Key, request: Request) -> bool:
    _, _, marks = (*request.physical_id.split("/"), "", "")[:3]
    return _mark(key) in marks.split(".")


def _mark(key: Key) -> str:
    # Short, since a physical id has 1 KB: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
    return hashlib.sha256(" ".join(key).encode()).hexdigest()[:8]


def _record_sets(properties: Mapping[str, Any]) -> dict[Key, dict[str, Any]]:
    found = {}
    for record in properties["Records"]:
        name = f"{record['Name'].rstrip('.').lower()}."
        found[name, record["Type"]] = {
            "Name": name,
            "Type": record["Type"],
            "TTL": int(record["TTL"]),
            "ResourceRecords": [{"Value": value} for value in record["Values"]],
        }
    return found
