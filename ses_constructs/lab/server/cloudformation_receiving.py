"""The resource types of receiving mail.

See https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SES.html.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ses_constructs.lab.server.errors import SesError
from ses_constructs.lab.server.receipt_rules import Filter, ReceiptRules, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ses_constructs.lab.server.cloudformation import Properties, Provisioned, ResourceType
    from ses_constructs.lab.server.hooks import Emulator

_NAME_LENGTH = 64


def register(emulator: Emulator, rules: ReceiptRules) -> None:
    """Let CloudFormation handle these types as AWS does."""
    handlers: dict[str, ResourceType] = {
        "AWS::SES::ReceiptRuleSet": _ReceiptRuleSet(emulator, rules),
        "AWS::SES::ReceiptRule": _ReceiptRule(emulator, rules),
        "AWS::SES::ReceiptFilter": _ReceiptFilter(emulator, rules),
    }
    for resource_type, handler in handlers.items():
        emulator.register(resource_type, create=handler.create, update=handler.update, delete=handler.delete)


class _ReceiptRuleSet:
    """A set, which is not active by being there, and which cannot be deleted while it is."""

    def __init__(self, emulator: Emulator, rules: ReceiptRules) -> None:
        self._rules = rules
        self._base = emulator.provisioners

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> Provisioned:
        name = properties.get("RuleSetName") or _generated(self._base, stack_name, logical_id)
        with _reasons():
            self._rules.create_set(name)
        return name, {"RuleSetName": name}

    def update(self, physical_id: str, old: Properties, new: Properties, stack_name: str) -> Provisioned:
        if new.get("RuleSetName") == old.get("RuleSetName"):
            return physical_id, {"RuleSetName": physical_id}
        created = self.create(physical_id, new, stack_name)
        self._base._delete_predecessor(self.delete, physical_id, old)
        return created

    def delete(self, physical_id: str, properties: Properties) -> None:
        with _reasons():
            self._rules.delete_set(physical_id)


class _ReceiptRule:
    """A rule; it is another one when its set or its name is, and all else changes in place."""

    def __init__(self, emulator: Emulator, rules: ReceiptRules) -> None:
        self._rules = rules
        self._base = emulator.provisioners

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> Provisioned:
        with _reasons():
            rule = Rule.read(properties["Rule"], _generated(self._base, stack_name, logical_id))
            self._rules.create_rule(properties["RuleSetName"], rule, properties.get("After"))
        return rule.name, {"RuleName": rule.name}

    def update(self, physical_id: str, old: Properties, new: Properties, stack_name: str) -> Provisioned:
        if new["RuleSetName"] != old["RuleSetName"] or new["Rule"].get("Name") != old["Rule"].get("Name"):
            created = self.create(physical_id, new, stack_name)
            self._base._delete_predecessor(self.delete, physical_id, old)
            return created
        with _reasons():
            self._rules.update_rule(new["RuleSetName"], Rule.read(new["Rule"], physical_id))
            if new.get("After") != old.get("After"):
                self._rules.move_rule(new["RuleSetName"], physical_id, new.get("After"))
        return physical_id, {"RuleName": physical_id}

    def delete(self, physical_id: str, properties: Properties) -> None:
        try:
            self._rules.delete_rule(properties["RuleSetName"], physical_id)
        except SesError as error:
            if error.code != "RuleSetDoesNotExist":
                raise ValueError(error.message) from error


class _ReceiptFilter:
    """An IP address filter, of which every change makes another one."""

    def __init__(self, emulator: Emulator, rules: ReceiptRules) -> None:
        self._rules = rules
        self._base = emulator.provisioners

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> Provisioned:
        wanted, ip_filter = properties["Filter"], properties["Filter"]["IpFilter"]
        name = wanted.get("Name") or _generated(self._base, stack_name, logical_id)
        with _reasons():
            self._rules.create_filter(Filter(name, ip_filter["Cidr"], ip_filter["Policy"] == "Allow"))
        return name, {}

    def update(self, physical_id: str, old: Properties, new: Properties, stack_name: str) -> Provisioned:
        if new == old:
            return physical_id, {}
        created = self.create(physical_id, new, stack_name)
        self._base._delete_predecessor(self.delete, physical_id, old)
        return created

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._rules.delete_filter(physical_id)


@contextmanager
def _reasons() -> Iterator[None]:
    """Let a stack fail with what SES says."""
    try:
        yield
    except SesError as error:
        raise ValueError(error.message) from error


def _generated(base: Any, stack_name: str, logical_id: str) -> str:
    return str(base._physical_name(stack_name, logical_id, max_len=_NAME_LENGTH))
