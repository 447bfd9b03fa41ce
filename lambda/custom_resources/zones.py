"""Reading and changing one record set in Route 53, so that two writers never lose each other's work.

See https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ses_common.lifecycle import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_TTL = 300  # seconds, of a record set that is made here
_PAUSE = 1.0  # seconds; Route 53 takes five requests a second for an account


class TxtRecords:
    """The TXT record set of one name."""

    def __init__(self, client: Any, zone_id: str, name: str) -> None:
        """:param client: of Route 53. :param name: full host name."""
        self._client = client
        self._zone_id = zone_id
        self._name = f"{name.rstrip('.').lower()}."

    def change(
        self,
        edit: Callable[[Sequence[str]], list[str]],
        deadline: float,
        *,
        missing_zone_is_fine: bool = False,
    ) -> None:
        """Write what *edit* makes of the values.

        The old set is deleted and the new one created in one batch. A delete must name exactly what is there, so if
        somebody else was faster nothing happens, and the edit is done again on what they left.

        :param missing_zone_is_fine: then nothing is done, for what is gone need not be deleted.
        :raises Refused: if the zone is not there or not allowed, or others are faster until the deadline.
        """
        while True:
            try:
                existing = self._read()
            except ClientError as error:
                if missing_zone_is_fine and _code(error) == "NoSuchHostedZone":
                    return
                raise self._refused(error) from error
            before = [record["Value"] for record in existing["ResourceRecords"]] if existing else []
            after = edit(before)
            if after == before:
                return
            try:
                self._write(existing, after)
            except ClientError as error:
                if time.monotonic() > deadline or not _worth_another_try(error):
                    raise self._refused(error) from error
                time.sleep(_PAUSE)
            else:
                return

    def _read(self) -> dict[str, Any] | None:
        answer = self._client.list_resource_record_sets(
            HostedZoneId=self._zone_id, StartRecordName=self._name, StartRecordType="TXT", MaxItems="1"
        )
        for record_set in answer["ResourceRecordSets"]:
            if record_set["Type"] == "TXT" and record_set["Name"].lower() == self._name:
                if "SetIdentifier" in record_set:
                    reason = f"the TXT records of {self._name} have a routing policy"
                    raise Refused(f"{reason}; add the SES part by hand, in each of them")
                found: dict[str, Any] = record_set
                return found
        return None

    def _write(self, existing: dict[str, Any] | None, values: Sequence[str]) -> None:
        changes: list[dict[str, Any]] = []
        if existing is not None:
            changes.append({"Action": "DELETE", "ResourceRecordSet": existing})
        if values:
            record_set = {
                "Name": self._name,
                "Type": "TXT",
                "TTL": existing["TTL"] if existing is not None else _TTL,
                "ResourceRecords": [{"Value": value} for value in values],
            }
            changes.append({"Action": "CREATE", "ResourceRecordSet": record_set})
        self._client.change_resource_record_sets(HostedZoneId=self._zone_id, ChangeBatch={"Changes": changes})

    def _refused(self, error: ClientError) -> Refused:
        code = _code(error)
        if code == "NoSuchHostedZone":
            return Refused(f"there is no hosted zone {self._zone_id}: deploy with the id of the zone of {self._name}")
        if code.startswith("AccessDenied"):
            return Refused(f"the hosted zone {self._zone_id} may not be changed: {error.response['Error']['Message']}")
        return Refused(f"Route 53 refused to change {self._name}: {error.response['Error']['Message']}")


def _worth_another_try(error: ClientError) -> bool:
    return _code(error) in ("InvalidChangeBatch", "PriorRequestNotComplete", "Throttling")


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])
