"""``Custom::SesActiveReceiptRuleSet``: which of the account's receipt rule sets SES applies.

See https://docs.aws.amazon.com/ses/latest/dg/receiving-email-receipt-rules-console-walkthrough.html.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import ClientError

from custom_resources import ses
from ses_common.lifecycle import Refused, Result

if TYPE_CHECKING:
    from ses_common.lifecycle import Request


class _Made(NamedTuple):
    """What a create did; as JSON it is the physical id, so that whatever comes later knows it."""

    name: str
    before: list[str]
    """The sets that were active before, the last one first: one of ours that is being replaced, and what was there in
    the beginning. The first that is still there when this goes is put back."""
    was_ours: bool
    """Whether the set was active before, so that it stays so."""

    def id(self) -> str:
        return json.dumps(self, separators=(",", ":"))


class ActiveReceiptRuleSets:
    """Properties: ``RuleSetName``, ``TakeOver`` and ``Owned`` (``true``...): whether the stack made the set."""

    def create(self, request: Request) -> Result:
        """Make the set the active one; refuse if another is and must not be displaced."""
        name, active = request.properties["RuleSetName"], _active(request.deadline)
        if active == name:
            # A set of our own was activated by this same request before; somebody else's was active all along.
            return Result(_Made(name, [], request.properties["Owned"] != "true").id())
        return self._activate(request, active, before=[active] if active is not None else [])

    def update(self, request: Request) -> Result:
        """Make another set the active one. What is put back in the end is what was active in the beginning.

        Until then our former set is: if the update is rolled back it is still there, and later it is gone.
        """
        made, name = _Made(*json.loads(request.physical_id)), request.properties["RuleSetName"]
        active = _active(request.deadline)
        if name == made.name and (active == name or request.properties["TakeOver"] != "true"):
            # What somebody made active since then stays, and a rollback that comes here does not fail over it.
            return Result(request.physical_id)
        if active == name and request.properties["Owned"] == "true":  # by this same request, which comes again
            return Result(_Made(name, _before(made, request), False).id())
        if active == name:
            return self.create(request)
        return self._activate(request, None if active == made.name else active, before=_before(made, request))

    def delete(self, request: Request) -> None:
        """Put back what was active before, if our set is still the active one."""
        made = _Made(*json.loads(request.physical_id))
        if made.was_ours or _active(request.deadline) != made.name:
            return
        if not any(_set_active(name, request.deadline) for name in made.before):
            _set_active(None, request.deadline)

    def _activate(self, request: Request, displaced: str | None, *, before: list[str]) -> Result:
        name = request.properties["RuleSetName"]
        if displaced is not None and request.properties["TakeOver"] != "true":
            raise Refused(
                f"the receipt rule set {displaced} is active in this account and region, and only one can be: add the "
                "rules to it (existing=), or displace it (take_over=True)"
            )
        if not _set_active(name, request.deadline):
            raise Refused(f"there is no receipt rule set {name}")
        return Result(_Made(name, before, False).id())


def _before(made: _Made, request: Request) -> list[str]:
    """Return what to put back if *made* is updated."""
    name = request.properties["RuleSetName"]
    if name == made.name or request.properties["Owned"] != "true" or request.old_properties["Owned"] != "true":
        return made.before
    if name in made.before:  # a rollback
        return made.before[made.before.index(name) + 1 :]
    return [made.name, *made.before[-1:]]


def _active(deadline: float) -> str | None:
    answer = ses.call(ses.v1().describe_active_receipt_rule_set, deadline)
    name: str | None = (answer.get("Metadata") or {}).get("Name")
    return name


def _set_active(name: str | None, deadline: float) -> bool:
    """Make a set the active one, or none with None; return False if there is no such set."""
    try:
        # To deactivate, the name is left out: an empty one is refused.
        ses.call(ses.v1().set_active_receipt_rule_set, deadline, **({"RuleSetName": name} if name is not None else {}))
    except ClientError as error:
        if ses.code(error) != "RuleSetDoesNotExist":
            raise
        return False
    return True
