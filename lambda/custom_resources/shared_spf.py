"""``Custom::SesSpfTerm``: one mechanism in an SPF record that others write to as well.

A term is a resource of its own, so that adding and removing one is creating and deleting it, and each remembers in its
physical id whether it was added here, or the whole record was made for it, or it had been there before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from custom_resources.spf import SpfError, merge, remove
from custom_resources.txt_records import TxtRecords
from custom_resources.zones import RecordSets, client
from ses_common.lifecycle import Refused, Result

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ses_common.lifecycle import Request

_CREATED, _ADDED, _FOUND = "record-created", "added", "found"


class SpfTerms:
    """Properties: ``HostedZoneId``, perhaps ``RoleArn``, ``Name``, ``Term``, ``Qualifier``.

    The physical id ends in what was done.
    """

    def create(self, request: Request) -> Result:
        """Add the term, unless it is there, or the record would need too many look-ups with it."""
        properties = request.properties
        done = _FOUND
        world = TxtRecords()

        def edit(values: Sequence[str]) -> list[str]:
            nonlocal done
            merged = merge(values, [properties["Term"]], properties["Qualifier"], texts_of=world.texts)
            done = _CREATED if merged.created else _ADDED if merged.added else _FOUND
            return merged.values

        self._change(request, properties, edit)
        return Result(f"{_prefix(properties)}{done}")

    def update(self, request: Request) -> Result:
        """Do nothing if only the qualifier has changed: a record keeps its end. Anything else is another term."""
        if request.physical_id.startswith(_prefix(request.properties)):
            return Result(request.physical_id)
        return self.create(request)

    def delete(self, request: Request) -> None:
        """Take the term away if it was added here, and the record if nothing is left of one that was made here."""
        done = request.physical_id.rpartition("/")[2]
        if done not in (_CREATED, _ADDED):
            return
        added, created = [request.properties["Term"]], done == _CREATED
        self._change(request, request.properties, lambda values: remove(values, added=added, created=created))

    def _change(self, request: Request, properties: Mapping[str, Any], edit: Any) -> None:
        zone = RecordSets(client(properties.get("RoleArn")), properties["HostedZoneId"])
        gone_is_fine = request.type == "Delete"
        try:
            zone.change_txt(properties["Name"], edit, request.deadline, missing_zone_is_fine=gone_is_fine)
        except SpfError as error:
            raise Refused(f"{properties['Name']}: {error}") from error


def _prefix(properties: Mapping[str, Any]) -> str:
    return f"{properties['HostedZoneId']}/{properties['Name']}/{properties['Term']}/"
