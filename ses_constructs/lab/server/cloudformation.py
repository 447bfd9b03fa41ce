"""The resource types that CloudFormation handles here otherwise than in MiniStack, or that it lacks there.

See https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SES.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ses_constructs.lab.server import archives
from ses_constructs.lab.server.identities import Identities
from ses_constructs.lab.server.notifications import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ses_constructs.lab.server.engine import Engine
    from ses_constructs.lab.server.hooks import Emulator

Properties = dict[str, Any]
Provisioned = tuple[str, dict[str, Any]]


def register(emulator: Emulator, engine: Engine) -> None:
    """Let CloudFormation handle these types as AWS does."""
    handlers: dict[str, _EmailIdentity | _EventDestination | _RecordSetGroup] = {
        "AWS::SES::EmailIdentity": _EmailIdentity(emulator, engine),
        "AWS::SES::ConfigurationSetEventDestination": _EventDestination(emulator, engine),
        "AWS::Route53::RecordSetGroup": _RecordSetGroup(emulator),
    }
    for resource_type, handler in handlers.items():
        emulator.register(resource_type, create=handler.create, update=handler.update, delete=handler.delete)
    archives.register(emulator)


class _EmailIdentity:
    """An identity that is there already is not taken over, and domains have DKIM tokens."""

    def __init__(self, emulator: Emulator, engine: Engine) -> None:
        self._emulator = emulator
        self._engine = engine
        self._identities = Identities(emulator, engine)
        self._base = emulator.provisioners

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> Provisioned:
        name = properties["EmailIdentity"]
        if self._emulator.identity(name) is not None:
            raise ValueError(f"Email identity {name} already exists.")
        self._base._ses_email_identity_create(logical_id, properties, stack_name)
        self._set_up(name, properties)
        return name, self._attributes(name)

    def update(self, physical_id: str, old: Properties, new: Properties, stack_name: str) -> Provisioned:
        name = new["EmailIdentity"]
        if name != physical_id:
            created = self.create(physical_id, new, stack_name)
            self._base._delete_predecessor(self.delete, physical_id, old)
            return created
        self._base._ses_email_identity_update(physical_id, old, new, stack_name)
        self._set_up(name, new)
        return name, self._attributes(name)

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._base._ses_email_identity_delete(physical_id, properties)
        self._engine.notifications.forget(self._emulator.region, physical_id)

    def _set_up(self, name: str, properties: Properties) -> None:
        feedback = properties.get("FeedbackAttributes") or {}
        self._settings(name).forwarding = feedback.get("EmailForwardingEnabled", True) not in (False, "false")
        signing = properties.get("DkimSigningAttributes") or {}
        self._emulator.identity_record(name)["DkimAttributes"] = self._identities.dkim_attributes(name, signing)

    def _settings(self, name: str) -> Settings:
        return self._engine.notifications.of(self._emulator.region, name)

    def _attributes(self, name: str) -> dict[str, str]:
        attributes = {"EmailIdentity": name}
        for number, token in enumerate(self._emulator.dkim_tokens(name) if "@" not in name else [], start=1):
            attributes[f"DkimDNSTokenName{number}"] = f"{token}._domainkey.{name}"
            attributes[f"DkimDNSTokenValue{number}"] = f"{token}.dkim.amazonses.com"
        return attributes


class _EventDestination:
    """SES checks the set, and the topic by publishing to it; another name is another destination."""

    def __init__(self, emulator: Emulator, engine: Engine) -> None:
        self._emulator = emulator
        self._engine = engine
        self._base = emulator.provisioners

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> Provisioned:
        self._check(properties)
        created: Provisioned = self._base._ses_configuration_set_event_destination_create(
            logical_id, properties, stack_name
        )
        return created

    def update(self, physical_id: str, old: Properties, new: Properties, stack_name: str) -> Provisioned:
        if _replaced(old, new):
            created = self.create(physical_id, new, stack_name)
            self._base._delete_predecessor(self.delete, physical_id, old)
            return created
        self._check(new)
        updated: Provisioned = self._base._ses_configuration_set_event_destination_update(
            physical_id, old, new, stack_name
        )
        return updated

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._base._ses_configuration_set_event_destination_delete(physical_id, properties)

    def _check(self, properties: Properties) -> None:
        name = properties["ConfigurationSetName"]
        if self._emulator.configuration_set(name) is None:
            raise ValueError(f"Configuration set <{name}> does not exist.")
        topic = (properties["EventDestination"].get("SnsDestination") or {}).get("TopicARN")
        if topic is not None:
            problem = self._engine.topics.validate(topic, self._engine.arn("configuration-set", name))
            if problem is not None:
                raise ValueError(problem)


def _replaced(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether one of the properties has changed that cannot be changed in place."""
    names = [properties["EventDestination"].get("Name") for properties in (old, new)]
    return bool(names[0] != names[1] or old["ConfigurationSetName"] != new["ConfigurationSetName"])


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
