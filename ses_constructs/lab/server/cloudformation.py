"""The resource types of SES that CloudFormation handles here otherwise than in MiniStack, or that it lacks there.

See https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SES.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from ses_constructs.lab.server import archives, lake
from ses_constructs.lab.server.cloudformation_content import resource_types
from ses_constructs.lab.server.errors import SesError
from ses_constructs.lab.server.identities import Identities
from ses_constructs.lab.server.notifications import Settings
from ses_constructs.lab.server.suppression import REASONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ses_constructs.lab.server.engine import Engine
    from ses_constructs.lab.server.hooks import Emulator
    from ses_constructs.lab.server.sets_api import SetsApi

Properties = dict[str, Any]
Provisioned = tuple[str, dict[str, Any]]


class ResourceType(Protocol):
    """How CloudFormation handles a resource type; what comes back is the physical id and the attributes."""

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> Provisioned:
        """Make a resource."""

    def update(self, physical_id: str, old: Properties, new: Properties, stack_name: str) -> Provisioned:
        """Change it, or make another one in its place."""

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Delete it, if it is there."""


def register(emulator: Emulator, engine: Engine, sets: SetsApi) -> None:
    """Let CloudFormation handle these types as AWS does."""
    handlers: dict[str, ResourceType] = {
        "AWS::SES::EmailIdentity": _EmailIdentity(emulator, engine),
        **resource_types(emulator, engine),
        "AWS::SES::ConfigurationSet": _ConfigurationSet(emulator, engine),
        "AWS::SES::ConfigurationSetEventDestination": _EventDestination(emulator, sets),
    }
    for resource_type, handler in handlers.items():
        emulator.register(resource_type, create=handler.create, update=handler.update, delete=handler.delete)
    lake.register(emulator)
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
        self._engine.publisher.notifications.forget(self._emulator.region, physical_id)

    def _set_up(self, name: str, properties: Properties) -> None:
        feedback = properties.get("FeedbackAttributes") or {}
        self._settings(name).forwarding = feedback.get("EmailForwardingEnabled", True) not in (False, "false")
        signing = properties.get("DkimSigningAttributes") or {}
        self._emulator.identity_record(name)["DkimAttributes"] = self._identities.dkim_attributes(name, signing)

    def _settings(self, name: str) -> Settings:
        return self._engine.publisher.notifications.of(self._emulator.region, name)

    def _attributes(self, name: str) -> dict[str, str]:
        attributes = {"EmailIdentity": name}
        for number, token in enumerate(self._emulator.dkim_tokens(name) if "@" not in name else [], start=1):
            attributes[f"DkimDNSTokenName{number}"] = f"{token}._domainkey.{name}"
            attributes[f"DkimDNSTokenValue{number}"] = f"{token}.dkim.amazonses.com"
        return attributes


class _ConfigurationSet:
    """The name of a set is generated if it has none, another name is another set, and SES checks the options."""

    def __init__(self, emulator: Emulator, engine: Engine) -> None:
        self._emulator = emulator
        self._engine = engine
        self._base = emulator.provisioners

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> Provisioned:
        name = properties.get("Name")
        if name and self._emulator.configuration_set(name) is not None:
            raise ValueError(f"Configuration set <{name}> already exists.")
        self._check(properties)
        created: Provisioned = self._base._ses_configuration_set_create(logical_id, properties, stack_name)
        return created

    def update(self, physical_id: str, old: Properties, new: Properties, stack_name: str) -> Provisioned:
        self._check(new)
        updated: Provisioned = self._base._ses_configuration_set_update(physical_id, old, new, stack_name)
        return updated

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._base._ses_configuration_set_delete(physical_id, properties)

    def _check(self, properties: Properties) -> None:
        pool = (properties.get("DeliveryOptions") or {}).get("SendingPoolName")
        if pool and self._emulator.pool(pool) is None:
            raise ValueError(f"Sending pool <{pool}> does not exist.")
        domain = (properties.get("TrackingOptions") or {}).get("CustomRedirectDomain")
        if domain and self._engine.verified_identity(domain) is None:
            raise ValueError(f"Tracking domain <{domain}> is not verified.")
        for reason in (properties.get("SuppressionOptions") or {}).get("SuppressedReasons") or ():
            if reason not in REASONS:
                raise ValueError(f"Invalid suppression reason <{reason}>.")


class _EventDestination:
    """SES checks the set and what events go to; another name is another destination."""

    def __init__(self, emulator: Emulator, sets: SetsApi) -> None:
        self._emulator = emulator
        self._sets = sets
        self._base = emulator.provisioners

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> Provisioned:
        set_name, destination = properties["ConfigurationSetName"], properties["EventDestination"]
        name = destination.get("Name") or self._base._physical_name(stack_name, logical_id, max_len=64)
        self._put(set_name, name, destination, create=True)
        return f"{set_name}|{name}", {"Id": name}

    def update(self, physical_id: str, old: Properties, new: Properties, stack_name: str) -> Provisioned:
        if _replaced(old, new):
            created = self.create(physical_id, new, stack_name)
            self._base._delete_predecessor(self.delete, physical_id, old)
            return created
        set_name, _, name = physical_id.partition("|")
        self._put(set_name, name, new["EventDestination"], create=False)
        return physical_id, {"Id": name}

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._base._ses_configuration_set_event_destination_delete(physical_id, properties)

    def _put(self, set_name: str, name: str, destination: Properties, *, create: bool) -> None:
        try:
            self._sets.put(set_name, name, self._emulator.event_destination(destination), create=create)
        except SesError as error:
            raise ValueError(error.message) from error


def _replaced(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether one of the properties has changed that cannot be changed in place."""
    names = [properties["EventDestination"].get("Name") for properties in (old, new)]
    return bool(names[0] != names[1] or old["ConfigurationSetName"] != new["ConfigurationSetName"])
