"""Receipt rules and IP address filters over API v1, in place of those of MiniStack, which knows two of the actions.

See https://docs.aws.amazon.com/ses/latest/APIReference/API_CreateReceiptRule.html and its neighbours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from ses_constructs.lab.server.errors import SesError
from ses_constructs.lab.server.receipt_checks import FIELDS, check_name
from ses_constructs.lab.server.receipt_rules import Filter, ReceiptRules, Rule, RuleSet

if TYPE_CHECKING:
    from ses_constructs.lab.server.query import Actions, Query


class ReceiptApi:
    """What the account receives."""

    def __init__(self, rules: ReceiptRules) -> None:
        self._rules = rules

    def actions(self) -> Actions:
        """Return what API v1 answers about it."""
        return {
            "CreateReceiptRuleSet": self._create_set,
            "CloneReceiptRuleSet": self._clone_set,
            "DeleteReceiptRuleSet": self._delete_set,
            "DescribeReceiptRuleSet": self._describe_set,
            "ListReceiptRuleSets": self._list_sets,
            "ReorderReceiptRuleSet": self._reorder,
            "SetActiveReceiptRuleSet": self._set_active,
            "DescribeActiveReceiptRuleSet": self._describe_active,
            "CreateReceiptRule": self._create_rule,
            "UpdateReceiptRule": self._update_rule,
            "DeleteReceiptRule": self._delete_rule,
            "DescribeReceiptRule": self._describe_rule,
            "SetReceiptRulePosition": self._move_rule,
            "CreateReceiptFilter": self._create_filter,
            "DeleteReceiptFilter": self._delete_filter,
            "ListReceiptFilters": self._list_filters,
        }

    def _create_set(self, query: Query) -> str:
        self._rules.create_set(query.text("RuleSetName"))
        return ""

    def _clone_set(self, query: Query) -> str:
        self._rules.clone_set(query.text("OriginalRuleSetName"), query.text("RuleSetName"))
        return ""

    def _delete_set(self, query: Query) -> str:
        self._rules.delete_set(query.text("RuleSetName"))
        return ""

    def _describe_set(self, query: Query) -> str:
        return _xml(_described(self._rules.set_named(query.text("RuleSetName"))))

    def _list_sets(self, query: Query) -> str:
        return _xml({"RuleSets": [_metadata(it) for it in self._rules.sets()]})

    def _reorder(self, query: Query) -> str:
        self._rules.reorder(query.text("RuleSetName"), query.members("RuleNames.member"))
        return ""

    def _set_active(self, query: Query) -> str:
        # To have none, the name is left out: an empty one is refused.
        name = query.text("RuleSetName") if query.has("RuleSetName") else None
        if name is not None:
            check_name(name, "ruleSetName")
        self._rules.set_active(name)
        return ""

    def _describe_active(self, query: Query) -> str:
        active = self._rules.active()
        return _xml(_described(active)) if active is not None else ""

    def _create_rule(self, query: Query) -> str:
        self._rules.create_rule(query.text("RuleSetName"), _rule(query), query.optional("After"))
        return ""

    def _update_rule(self, query: Query) -> str:
        self._rules.update_rule(query.text("RuleSetName"), _rule(query))
        return ""

    def _delete_rule(self, query: Query) -> str:
        self._rules.delete_rule(query.text("RuleSetName"), query.text("RuleName"))
        return ""

    def _describe_rule(self, query: Query) -> str:
        rule_set = self._rules.set_named(query.text("RuleSetName"))
        return _xml({"Rule": rule_set.rules[rule_set.position(query.text("RuleName"))].written()})

    def _move_rule(self, query: Query) -> str:
        self._rules.move_rule(query.text("RuleSetName"), query.text("RuleName"), query.optional("After"))
        return ""

    def _create_filter(self, query: Query) -> str:
        policy = query.text("Filter.IpFilter.Policy")
        made = Filter(query.text("Filter.Name"), query.text("Filter.IpFilter.Cidr"), policy == "Allow")
        if policy not in ("Allow", "Block"):
            raise SesError("ValidationError", "filter.ipFilter.policy must satisfy enum value set: [Allow, Block]")
        self._rules.create_filter(made)
        return ""

    def _delete_filter(self, query: Query) -> str:
        self._rules.delete_filter(query.text("FilterName"))
        return ""

    def _list_filters(self, query: Query) -> str:
        filters = [
            {"Name": it.name, "IpFilter": {"Policy": "Allow" if it.allows else "Block", "Cidr": it.cidr}}
            for it in self._rules.filters()
        ]
        return _xml({"Filters": filters})


def _rule(query: Query) -> Rule:
    properties = {name: query.text(f"Rule.{name}") for name in ("Name", "Enabled", "ScanEnabled", "TlsPolicy")}
    actions = [
        {
            kind: {name: action.text(f"{kind}.{name}") for name in fields}
            for kind, fields in FIELDS.items()
            if any(action.has(f"{kind}.{name}") for name in fields)
        }
        for action in query.groups("Rule.Actions.member")
    ]
    lists = {"Recipients": query.members("Rule.Recipients.member"), "Actions": actions}
    return Rule.read({**properties, **lists}, "")


def _described(rule_set: RuleSet) -> dict[str, Any]:
    return {"Metadata": _metadata(rule_set), "Rules": [rule.written() for rule in rule_set.rules]}


def _metadata(rule_set: RuleSet) -> dict[str, str]:
    return {"Name": rule_set.name, "CreatedTimestamp": rule_set.created}


def _xml(values: dict[str, Any]) -> str:
    return "".join(f"<{name}>{_inner(value)}</{name}>" for name, value in values.items())


def _inner(value: Any) -> str:
    if isinstance(value, dict):
        return _xml(value)
    if isinstance(value, list):
        return "".join(f"<member>{_inner(it)}</member>" for it in value)
    return str(value).lower() if isinstance(value, bool) else escape(str(value))
