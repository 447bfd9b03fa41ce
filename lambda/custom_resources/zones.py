"""Changing record sets in Route 53 so that two writers never lose each other's work.

What is there is read first. Every change is one batch whose deletes name exactly what was read, so if somebody else was
faster nothing happens, and the change is worked out anew on what they left.
See https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.exceptions import ClientError

from ses_common.lifecycle import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_TTL = 300  # seconds, of a record set that is made here
_PAUSE = 1.0  # seconds; Route 53 takes five requests a second for an account
_BUSY = ("PriorRequestNotComplete", "Throttling", "ThrottlingException")
# Somebody else was faster, most likely; but a batch may be invalid for good, such as a CNAME beside another record.
_OVERTAKEN = "InvalidChangeBatch"
_OVERTAKEN_TRIES = 5
_IAM_TAKES = 20.0  # seconds at most, until the policy that was deployed just before is known everywhere

RecordSet = dict[str, Any]
Key = tuple[str, str]
"""Name, in lower case and with the final dot, and type."""


def client(role_arn: str | None = None) -> Any:
    """Return a client of Route 53, through a role if one is given.

    :raises Refused: if the role cannot be assumed.
    """
    session = botocore.session.get_session()
    if not role_arn:
        return session.create_client("route53")
    credentials = _assumed(session.create_client("sts"), role_arn)
    return session.create_client(
        "route53",
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )


def _assumed(sts: Any, role_arn: str) -> Mapping[str, str]:
    allowed_by = time.monotonic() + _IAM_TAKES
    while True:
        try:
            credentials: Mapping[str, str] = sts.assume_role(RoleArn=role_arn, RoleSessionName="ses-constructs")[
                "Credentials"
            ]
        except ClientError as error:
            if _is_denial(error) and time.monotonic() + _PAUSE < allowed_by:
                time.sleep(_PAUSE)
                continue
            raise Refused(
                f"the role {role_arn} cannot be assumed: let its trust policy name this account, and deploy it before "
                f"this stack ({error.response['Error']['Message']})"
            ) from error
        return credentials


class RecordSets:
    """The record sets of one hosted zone."""

    def __init__(self, route53: Any, zone_id: str) -> None:
        """:param route53: a client."""
        self._route53 = route53
        self._zone_id = zone_id

    def change_txt(
        self,
        name: str,
        edit: Callable[[Sequence[str]], list[str]],
        deadline: float,
        *,
        missing_zone_is_fine: bool = False,
    ) -> None:
        """Write what *edit* makes of the TXT values of a name.

        :raises Refused: as :meth:`replace`.
        """
        key = (f"{name.rstrip('.').lower()}.", "TXT")

        def work_out(existing: Mapping[Key, RecordSet]) -> list[RecordSet]:
            record_set = existing.get(key)
            before = [record["Value"] for record in record_set["ResourceRecords"]] if record_set is not None else []
            after = edit(before)
            if after == before:
                return []
            changes = [] if record_set is None else [_change("DELETE", record_set)]
            if after:
                ttl = record_set["TTL"] if record_set is not None else _TTL
                values = [{"Value": value} for value in after]
                changes.append(
                    _change("CREATE", {"Name": key[0], "Type": "TXT", "TTL": ttl, "ResourceRecords": values})
                )
            return changes

        self._change([key], work_out, deadline, missing_zone_is_fine=missing_zone_is_fine)

    def replace(
        self,
        before: Mapping[Key, RecordSet],
        after: Mapping[Key, RecordSet],
        deadline: float,
        *,
        adopt: bool = False,
        missing_zone_is_fine: bool = False,
    ) -> list[Key]:
        """Replace the record sets *before*, as far as they are still as they were made, by those of *after*.

        :param adopt: whether a record set that is there already and says what is wanted is left and good enough.
        :param missing_zone_is_fine: then nothing is done, for what is gone need not be deleted.
        :returns: of *after*, what was there already.
        :raises Refused: if the zone is not there or not allowed, a record is in the way, or others are faster until the
            deadline.
        """
        there: list[Key] = []

        def work_out(existing: Mapping[Key, RecordSet]) -> list[RecordSet]:
            there[:] = [key for key in after if key in existing]
            if not before and after and all(_same(existing.get(key), wanted) for key, wanted in after.items()):
                return []  # the same request once more
            changes = []
            for key, made in before.items():
                if key not in after and _same(existing.get(key), made):
                    changes.append(_change("DELETE", existing[key]))
            for key, wanted in after.items():
                found = existing.get(key)
                if _same(found, wanted) or (adopt and _says(found, wanted)):
                    continue
                if found is None:
                    changes.append(_change("CREATE", wanted))
                elif key in before:
                    changes += [_change("DELETE", found), _change("CREATE", wanted)]
                else:
                    values = ", ".join(record["Value"] for record in found.get("ResourceRecords", []))
                    reason = f"there is a record {key[0]} {key[1]} already ({values}), and it was left as it is"
                    raise Refused(f"{reason}: delete it or leave it out here, then deploy again")
            return changes

        self._change([*before, *after], work_out, deadline, missing_zone_is_fine=missing_zone_is_fine)
        return there

    def _change(
        self,
        keys: Iterable[Key],
        work_out: Callable[[Mapping[Key, RecordSet]], list[RecordSet]],
        deadline: float,
        *,
        missing_zone_is_fine: bool,
    ) -> None:
        overtaken = 0
        allowed_by = min(deadline, time.monotonic() + _IAM_TAKES)
        while True:
            try:
                existing = {key: found for key in dict.fromkeys(keys) if (found := self._read(key)) is not None}
                changes = work_out(existing)
                if changes:
                    batch = {"Changes": changes}
                    self._route53.change_resource_record_sets(HostedZoneId=self._zone_id, ChangeBatch=batch)
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code == "NoSuchHostedZone" and missing_zone_is_fine:
                    return
                overtaken += code == _OVERTAKEN
                again = overtaken < _OVERTAKEN_TRIES if code == _OVERTAKEN else code in _BUSY or _is_denial(error)
                if not again or time.monotonic() + _PAUSE > (allowed_by if _is_denial(error) else deadline):
                    raise self._refused(error) from error
                time.sleep(_PAUSE)
            else:
                return

    def _read(self, key: Key) -> RecordSet | None:
        name, record_type = key
        answer = self._route53.list_resource_record_sets(
            HostedZoneId=self._zone_id, StartRecordName=name, StartRecordType=record_type, MaxItems="1"
        )
        for record_set in answer["ResourceRecordSets"]:
            if (record_set["Name"].lower(), record_set["Type"]) == key:
                if "SetIdentifier" in record_set:
                    reason = f"the {record_type} records of {name} have a routing policy"
                    raise Refused(f"{reason}: add what SES needs by hand, in each of them")
                found: RecordSet = record_set
                return found
        return None

    def _refused(self, error: ClientError) -> Refused:
        code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
        if code == "NoSuchHostedZone":
            return Refused(f"there is no hosted zone {self._zone_id}: deploy with the id of the domain's zone")
        if _is_denial(error):
            return Refused(f"the hosted zone {self._zone_id} may not be changed: {message}")
        return Refused(f"Route 53 refused to change the hosted zone {self._zone_id}: {message}")


def _is_denial(error: ClientError) -> bool:
    return str(error.response["Error"]["Code"]).startswith("AccessDenied")


def _same(found: RecordSet | None, made: RecordSet) -> bool:
    names = ("TTL", "ResourceRecords")
    return found is not None and [found.get(name) for name in names] == [made[name] for name in names]


def _says(found: RecordSet | None, wanted: RecordSet) -> bool:
    """Whether a record set says what is wanted, however long it is kept and whatever else a TXT holds."""
    if found is None:
        return False
    there, ours = ([it["Value"] for it in one.get("ResourceRecords", [])] for one in (found, wanted))
    if wanted["Type"] == "TXT":
        return set(ours) <= set(there)
    return sorted(map(_host, there)) == sorted(map(_host, ours))


def _host(value: str) -> str:
    return value.lower().removesuffix(".")


def _change(action: str, record_set: RecordSet) -> RecordSet:
    return {"Action": action, "ResourceRecordSet": record_set}
