"""``Custom::SesRecords``: the records of an identity in a hosted zone of another account.

All of them are one change: Route 53 makes all, or none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from custom_resources.zones import RecordSets, client
from ses_common.lifecycle import Result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custom_resources.zones import Key
    from ses_common.lifecycle import Request


class IdentityRecords:
    """Properties: ``HostedZoneId``, ``RoleArn``, ``Domain``, ``Records``. The physical id is zone and domain."""

    def create(self, request: Request) -> Result:
        """Make all records. One that is in the way is left as it is, and stops everything."""
        _zone(request.properties).replace({}, _record_sets(request.properties), request.deadline)
        return Result(_physical_id(request.properties))

    def update(self, request: Request) -> Result:
        """Change what is different; another zone is another resource."""
        physical_id = _physical_id(request.properties)
        if physical_id != request.physical_id:
            return self.create(request)
        before, after = _record_sets(request.old_properties), _record_sets(request.properties)
        _zone(request.properties).replace(before, after, request.deadline)
        return Result(physical_id)

    def delete(self, request: Request) -> None:
        """Take away the records, but for those that somebody has changed since."""
        zone = _zone(request.properties)
        zone.replace(_record_sets(request.properties), {}, request.deadline, missing_zone_is_fine=True)


def _zone(properties: Mapping[str, Any]) -> RecordSets:
    return RecordSets(client(properties["RoleArn"]), properties["HostedZoneId"])


def _physical_id(properties: Mapping[str, Any]) -> str:
    return f"{properties['HostedZoneId']}/{properties['Domain']}"


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
