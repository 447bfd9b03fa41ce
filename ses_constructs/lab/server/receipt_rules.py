"""Receipt rule sets, their rules, and IP address filters: what there is, and which of it is for a recipient.

See https://docs.aws.amazon.com/ses/latest/dg/receiving-email-concepts.html, and for the limits
https://docs.aws.amazon.com/ses/latest/dg/quotas.html.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network, ip_address
from typing import TYPE_CHECKING, Any

from ses_constructs.lab.server.documents import timestamp
from ses_constructs.lab.server.errors import SesError
from ses_constructs.lab.server.mime import now
from ses_constructs.lab.server.receipt_checks import FIELDS, check_name, check_rule, check_tls_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ses_constructs.lab.server.hooks import Emulator

_RULE_SETS, _RULES, _FILTERS = 40, 200, 100


@dataclass(frozen=True)
class Action:
    """One thing that is done with a mail.

    :param kind: as the API names it, such as ``S3Action``.
    :param fields: its parameters, those that are given.
    """

    kind: str
    fields: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A receipt rule."""

    name: str
    enabled: bool
    scan_enabled: bool
    tls_required: bool
    recipients: Sequence[str]
    actions: Sequence[Action]

    @classmethod
    def read(cls, properties: Mapping[str, Any], name: str) -> Rule:
        """Read a rule as API and CloudFormation write it.

        :param name: if the properties have none.
        """
        tls_policy = properties.get("TlsPolicy") or "Optional"
        check_tls_policy(tls_policy)
        return cls(
            name=properties.get("Name") or name,
            enabled=str(properties.get("Enabled")).lower() == "true",
            scan_enabled=str(properties.get("ScanEnabled")).lower() == "true",
            tls_required=tls_policy == "Require",
            recipients=sorted({it.lower() for it in properties.get("Recipients") or ()}),
            actions=[_action(it) for it in properties.get("Actions") or ()],
        )

    def written(self) -> dict[str, Any]:
        """Return the rule as the API writes it."""
        return {
            "Name": self.name,
            "Enabled": self.enabled,
            "TlsPolicy": "Require" if self.tls_required else "Optional",
            **({"Recipients": list(self.recipients)} if self.recipients else {}),
            "Actions": [{action.kind: dict(action.fields)} for action in self.actions],
            "ScanEnabled": self.scan_enabled,
        }

    def takes(self, recipient: str) -> bool:
        """Whether the rule is for a recipient of the envelope: an address, and the same with any label, or a domain."""
        local, _, domain = recipient.lower().rpartition("@")
        addresses = {f"{local}@{domain}", f"{local.partition('+')[0]}@{domain}"}
        return not self.recipients or any(
            wanted in addresses or wanted == domain or (wanted.startswith(".") and domain.endswith(wanted))
            for wanted in self.recipients
        )


@dataclass(frozen=True)
class RuleSet:
    """Rules in their order."""

    name: str
    created: str
    rules: Sequence[Rule] = ()

    def position(self, name: str) -> int:
        """Return the index of a rule.

        :raises SesError: if it is not there.
        """
        for position, rule in enumerate(self.rules):
            if rule.name == name:
                return position
        raise SesError("RuleDoesNotExist", f"Rule does not exist: {name}")

    def with_rule(self, rule: Rule, after: str | None) -> RuleSet:
        """Return the set with one rule more, after another, or in the first place."""
        place = self.position(after) + 1 if after is not None else 0
        return replace(self, rules=[*self.rules[:place], rule, *self.rules[place:]])

    def without_rule(self, name: str) -> RuleSet:
        """Return the set without a rule."""
        return replace(self, rules=[rule for rule in self.rules if rule.name != name])


@dataclass(frozen=True)
class Filter:
    """An IP address filter."""

    name: str
    cidr: str
    allows: bool

    @property
    def network(self) -> IPv4Network:
        """What it is about; bits of the host are ignored."""
        return IPv4Network(self.cidr, strict=False)


@dataclass
class _Account:
    sets: dict[str, RuleSet] = field(default_factory=dict)
    filters: dict[str, Filter] = field(default_factory=dict)
    active: str | None = None


class ReceiptRules:
    """Everything about receiving that is kept, by account and region."""

    def __init__(self, emulator: Emulator, try_out: Callable[[str, Rule], None]) -> None:
        """:param try_out: refuses a rule, by ARN, whose actions SES may not carry out."""
        self._emulator = emulator
        self._try_out = try_out
        self._accounts: dict[tuple[str, str], _Account] = defaultdict(_Account)

    # Rule sets

    def create_set(self, name: str) -> None:
        """Make an empty set, which is not active by that."""
        check_name(name, "ruleSetName")
        if name in self._here.sets:
            raise SesError("AlreadyExists", f"Rule set already exists: {name}")
        if len(self._here.sets) == _RULE_SETS:
            raise SesError("LimitExceeded", f"You can have at most {_RULE_SETS} receipt rule sets.")
        self._here.sets[name] = RuleSet(name, timestamp(now()))

    def clone_set(self, original: str, name: str) -> None:
        """Make a set with the rules of another."""
        rules = self.set_named(original).rules
        self.create_set(name)
        self._here.sets[name] = replace(self._here.sets[name], rules=rules)

    def delete_set(self, name: str) -> None:
        """Delete a set, if it is there and not the active one."""
        if self._here.active == name:
            raise SesError("CannotDelete", f"Cannot delete active rule set: {name}")
        self._here.sets.pop(name, None)

    def set_active(self, name: str | None) -> None:
        """Make a set the active one; with None, none is."""
        self._here.active = self.set_named(name).name if name is not None else None

    def active(self) -> RuleSet | None:
        """Return the active set."""
        return self._here.sets.get(self._here.active) if self._here.active is not None else None

    def set_named(self, name: str) -> RuleSet:
        """Return a set.

        :raises SesError: if it is not there.
        """
        found = self._here.sets.get(name)
        if found is None:
            raise SesError("RuleSetDoesNotExist", f"Rule set does not exist: {name}")
        return found

    def sets(self) -> list[RuleSet]:
        """Return all sets, by name."""
        return [self._here.sets[name] for name in sorted(self._here.sets)]

    def reorder(self, set_name: str, names: Sequence[str]) -> None:
        """Put the rules of a set, all of them, into another order."""
        rule_set = self.set_named(set_name)
        rules = [rule_set.rules[rule_set.position(name)] for name in names]
        if sorted(names) != sorted(rule.name for rule in rule_set.rules):
            raise SesError("InvalidParameterValue", "All rules of the rule set must be named, each of them once.")
        self._keep(replace(rule_set, rules=rules))

    # Rules

    def create_rule(self, set_name: str, rule: Rule, after: str | None) -> None:
        """Add a rule after another, or in the first place."""
        check_rule(rule)
        rule_set = self.set_named(set_name)
        if any(it.name == rule.name for it in rule_set.rules):
            raise SesError("AlreadyExists", f"Rule already exists: {rule.name}")
        if len(rule_set.rules) == _RULES:
            raise SesError("LimitExceeded", f"A receipt rule set can have at most {_RULES} rules.")
        changed = rule_set.with_rule(rule, after)
        self._try_out(self.rule_arn(set_name, rule.name), rule)
        self._keep(changed)

    def update_rule(self, set_name: str, rule: Rule) -> None:
        """Put a rule in the place of the one of that name."""
        check_rule(rule)
        rule_set = self.set_named(set_name)
        place = rule_set.position(rule.name)
        self._try_out(self.rule_arn(set_name, rule.name), rule)
        self._keep(replace(rule_set, rules=[*rule_set.rules[:place], rule, *rule_set.rules[place + 1 :]]))

    def move_rule(self, set_name: str, name: str, after: str | None) -> None:
        """Put a rule behind another, or in the first place."""
        rule_set = self.set_named(set_name)
        rule = rule_set.rules[rule_set.position(name)]
        self._keep(rule_set.without_rule(name).with_rule(rule, after))

    def delete_rule(self, set_name: str, name: str) -> None:
        """Delete a rule, if it is there."""
        self._keep(self.set_named(set_name).without_rule(name))

    def rule_arn(self, set_name: str, name: str) -> str:
        """Return what the policies of buckets, topics, keys and functions see as the source."""
        return self._emulator.ses_arn("receipt-rule-set", f"{set_name}:receipt-rule/{name}")

    # IP address filters

    def create_filter(self, made: Filter) -> None:
        """Add a filter, for the whole account and region."""
        check_name(made.name, "filterName")
        try:
            made.network  # noqa: B018 - whether there is one is what is asked
        except ValueError as error:
            raise SesError("InvalidParameterValue", f"Invalid CIDR: {made.cidr}") from error
        if made.name in self._here.filters:
            raise SesError("AlreadyExists", f"Filter already exists: {made.name}")
        if len(self._here.filters) == _FILTERS:
            raise SesError("LimitExceeded", f"You can have at most {_FILTERS} IP address filters.")
        self._here.filters[made.name] = made

    def delete_filter(self, name: str) -> None:
        """Delete a filter, if it is there."""
        self._here.filters.pop(name, None)

    def filters(self) -> list[Filter]:
        """Return all filters, by name."""
        return [self._here.filters[name] for name in sorted(self._here.filters)]

    def blocks(self, address: str) -> bool:
        """Whether the filters keep an address out: the narrowest that is about it decides, and Allow among equals."""
        client = ip_address(address)
        about = [it for it in self._here.filters.values() if client in it.network]
        return bool(about) and not max(about, key=lambda it: (it.network.prefixlen, it.allows)).allows

    @property
    def _here(self) -> _Account:
        return self._accounts[self._emulator.account, self._emulator.region]

    def _keep(self, rule_set: RuleSet) -> None:
        self._here.sets[rule_set.name] = rule_set


def _action(properties: Mapping[str, Any]) -> Action:
    kinds = [kind for kind in FIELDS if properties.get(kind) is not None]
    if len(kinds) != 1:
        raise SesError("InvalidParameterValue", "Exactly one action type must be specified for each ReceiptAction")
    (kind,) = kinds
    return Action(kind, {name: str(properties[kind][name]) for name in FIELDS[kind] if properties[kind].get(name)})
