"""What CloudFormation does here otherwise than in MiniStack with the services around SES."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ses_constructs.lab.server.cloudformation_alarms import with_metric_math

if TYPE_CHECKING:
    from collections.abc import Callable

    from ses_constructs.lab.server.cloudformation import Properties, Provisioned, ResourceType
    from ses_constructs.lab.server.hooks import Emulator

_NO_CHANGES = "The submitted information didn't contain changes."


def register(emulator: Emulator) -> None:
    """Let CloudFormation handle these types, and changes of outputs, as AWS does."""
    handlers: dict[str, ResourceType] = {
        "AWS::Route53::RecordSetGroup": _RecordSetGroup(emulator),
        "AWS::SNS::Subscription": _Subscription(emulator),
    }
    for resource_type, handler in handlers.items():
        emulator.register(resource_type, create=handler.create, update=handler.update, delete=handler.delete)
    for resource_type in ("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable"):
        emulator.wrap(resource_type, "delete", lambda delete: _unless_protected(emulator, delete))
    for step in ("create", "update"):
        emulator.wrap("AWS::DynamoDB::GlobalTable", step, lambda handle: _with_protection_of_replica(emulator, handle))
    for step in ("create", "update"):
        emulator.wrap("AWS::CloudWatch::Alarm", step, with_metric_math)
    emulator.wrap_change_sets(_count_outputs)


class _Subscription:
    """What SNS does at Subscribe: a topic has one subscription for a protocol and an endpoint.

    So two resources that say the same are one subscription, and deleting either deletes it. See
    https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._base = emulator.provisioners

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> Provisioned:
        wanted = self._base._sns_sub_attributes(properties)
        for subscription in self._emulator.subscriptions(properties["TopicArn"]):
            if _endpoint(subscription, "protocol", "endpoint") == _endpoint(properties, "Protocol", "Endpoint"):
                if any(subscription["attributes"].get(name, "") != value for name, value in wanted.items()):
                    raise ValueError(
                        "Invalid parameter: Attributes Reason: Subscription already exists with different attributes"
                    )
                return subscription["arn"], {"Arn": subscription["arn"]}
        created: Provisioned = self._base._sns_sub_create(logical_id, properties, stack_name)
        return created

    def update(self, physical_id: str, old: Properties, new: Properties, stack_name: str) -> Provisioned:
        if any(old.get(name) != new.get(name) for name in ("TopicArn", "Protocol", "Endpoint")):
            created = self.create(physical_id, new, stack_name)
            self._base._delete_predecessor(self.delete, physical_id, old)
            return created
        updated: Provisioned = self._base._sns_sub_update(physical_id, old, new, stack_name)
        return updated

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._base._sns_sub_delete(physical_id, properties)


def _endpoint(values: dict[str, Any], protocol: str, endpoint: str) -> tuple[str | None, str | None]:
    return values.get(protocol), values.get(endpoint)


def _with_protection_of_replica(emulator: Emulator, handle: Callable[..., Any]) -> Callable[..., Any]:
    """Take the protection of a global table, which MiniStack ignores, from the replica in this region."""

    def handle_with_protection(name: str, *rest: Any) -> Any:
        return handle(name, *(_protected(it) if isinstance(it, dict) else it for it in rest))

    def _protected(properties: Properties) -> Properties:
        replicas = {it.get("Region"): it for it in properties.get("Replicas") or []}
        here = replicas.get(emulator.region) or {}
        return {**properties, "DeletionProtectionEnabled": here.get("DeletionProtectionEnabled", False)}

    return handle_with_protection


def _unless_protected(emulator: Emulator, delete: Callable[..., Any]) -> Callable[..., Any]:
    """Keep a table that is protected from deletion, and so the stack that wants to delete it.

    See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithTables.Basics.html.
    """

    def delete_unprotected(physical_id: str, properties: Properties) -> None:
        if str((emulator.table(physical_id) or {}).get("DeletionProtectionEnabled", "")).lower() == "true":
            raise ValueError(
                f"Resource cannot be deleted as it is currently protected against deletion: table {physical_id}. "
                "Disable deletion protection first."
            )
        delete(physical_id, properties)

    return delete_unprotected


def _count_outputs(change_set: dict[str, Any], stack: dict[str, Any]) -> None:
    """Let a change set that changes nothing but outputs be executed; it lists no change of a resource."""
    if change_set["Status"] != "FAILED" or not change_set["StatusReason"].startswith(_NO_CHANGES):
        return
    before = (stack.get("_template") or {}).get("Outputs") or {}
    if (change_set["_template"].get("Outputs") or {}) != before:
        change_set.update(Status="CREATE_COMPLETE", ExecutionStatus="AVAILABLE", StatusReason="")


class _RecordSetGroup:
    """Many record sets in one change: all of them, or none."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._base = emulator.provisioners

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> Provisioned:
        name = f"{stack_name}-{logical_id}"
        self._change(properties, before=[], after=self._record_sets(properties))
        return name, {}

    def update(self, physical_id: str, old: Properties, new: Properties, stack_name: str) -> Provisioned:
        if self._zone_id(old) != self._zone_id(new):
            self._change(new, before=[], after=self._record_sets(new))
            self._change(old, before=self._record_sets(old), after=[])
        else:
            self._change(new, before=self._record_sets(old), after=self._record_sets(new))
        return physical_id, {}

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._change(properties, before=self._record_sets(properties), after=[])

    def _change(self, properties: Properties, *, before: list[Properties], after: list[Properties]) -> None:
        key = self._emulator.record_key
        ours = {key(record_set) for record_set in before}

        def changed(existing: list[Properties]) -> list[Properties]:
            others = [record_set for record_set in existing if key(record_set) not in ours]
            taken = {key(record_set) for record_set in others}
            for record_set in after:
                if key(record_set) in taken:
                    raise ValueError(
                        f"[Tried to create resource record set [name='{record_set['Name']}', "
                        f"type='{record_set['Type']}'] but it already exists]"
                    )
            return [*others, *after]

        self._emulator.change_record_sets(self._zone_id(properties), changed)

    def _record_sets(self, properties: Properties) -> list[Properties]:
        return [self._base._r53_record_set_build_rs(record_set) for record_set in properties.get("RecordSets") or []]

    def _zone_id(self, properties: Properties) -> str:
        return str(self._base._r53_resolve_hosted_zone_id(properties))
