"""Templates, contact lists and IP pools: resource types of SES that MiniStack lacks.

See https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SES.html.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ses_constructs.lab.server.errors import SesError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ses_constructs.lab.server.cloudformation import Properties, Provisioned, ResourceType
    from ses_constructs.lab.server.engine import Engine
    from ses_constructs.lab.server.hooks import Emulator

_POOL_NAME = re.compile(r"[a-z0-9_-]{1,64}")
_MAX_TEMPLATE_BYTES = 500 * 1024


def resource_types(emulator: Emulator, engine: Engine) -> dict[str, ResourceType]:
    """Return how each type is handled."""
    return {
        "AWS::SES::ContactList": _Named(emulator, _ContactList(engine)),
        "AWS::SES::DedicatedIpPool": _Named(emulator, _DedicatedIpPool(emulator)),
        "AWS::SES::Template": _Named(emulator, _Template(emulator)),
    }


class _ContactList:
    def __init__(self, engine: Engine) -> None:
        self._contacts = engine.contacts

    def name(self, properties: Properties) -> str | None:
        return properties.get("ContactListName")

    def exists(self, name: str) -> bool:
        return self._contacts.exists(name)

    def create(self, name: str, properties: Properties) -> None:
        self._contacts.create(name, properties)

    def update(self, name: str, old: Properties, new: Properties) -> None:
        self._contacts.update(name, new)

    def delete(self, name: str) -> None:
        self._contacts.delete(name)

    def attributes(self, name: str) -> dict[str, Any]:
        return {}


class _DedicatedIpPool:
    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def name(self, properties: Properties) -> str | None:
        return properties.get("PoolName")

    def exists(self, name: str) -> bool:
        return self._emulator.pool(name) is not None

    def create(self, name: str, properties: Properties) -> None:
        if not _POOL_NAME.fullmatch(name):
            raise ValueError(f"Invalid pool name <{name}>: only lower case letters, digits, '_' and '-' are allowed.")
        self._emulator.put_pool(name, properties.get("ScalingMode", "STANDARD"))

    def update(self, name: str, old: Properties, new: Properties) -> None:
        modes = [it.get("ScalingMode", "STANDARD") for it in (old, new)]
        if modes == ["MANAGED", "STANDARD"]:
            raise ValueError(f"Pool <{name}> is managed and cannot become a standard pool.")
        self._emulator.put_pool(name, modes[1])

    def delete(self, name: str) -> None:
        self._emulator.remove_pool(name)

    def attributes(self, name: str) -> dict[str, Any]:
        return {}


class _Template:
    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def name(self, properties: Properties) -> str | None:
        return (properties.get("Template") or {}).get("TemplateName")

    def exists(self, name: str) -> bool:
        return self._emulator.template(name) is not None

    def create(self, name: str, properties: Properties) -> None:
        self._emulator.put_template(name, _template_parts(properties.get("Template") or {}))

    def update(self, name: str, old: Properties, new: Properties) -> None:
        self.create(name, new)

    def delete(self, name: str) -> None:
        self._emulator.remove_template(name)

    def attributes(self, name: str) -> dict[str, Any]:
        return {"Id": name}


class _Named:
    """A resource whose physical id is its name, which is generated if the template gives none."""

    def __init__(self, emulator: Emulator, kind: _ContactList | _DedicatedIpPool | _Template) -> None:
        self._base = emulator.provisioners
        self._kind = kind

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> Provisioned:
        # In lower case, for pools have no other names.
        name = self._kind.name(properties) or self._base._physical_name(stack_name, logical_id, max_len=64).lower()
        if self._kind.exists(name):
            raise ValueError(f"{name} already exists.")
        try:
            self._kind.create(name, properties)
        except SesError as error:
            raise ValueError(error.message) from error
        return name, self._kind.attributes(name)

    def update(self, physical_id: str, old: Properties, new: Properties, stack_name: str) -> Provisioned:
        if self._kind.name(old) != self._kind.name(new):
            created = self.create(physical_id, new, stack_name)
            self._base._delete_predecessor(self.delete, physical_id, old)
            return created
        try:
            self._kind.update(physical_id, old, new)
        except SesError as error:
            raise ValueError(error.message) from error
        return physical_id, self._kind.attributes(physical_id)

    def delete(self, physical_id: str, properties: Properties) -> None:
        if self._kind.exists(physical_id):
            self._kind.delete(physical_id)


def _template_parts(template: Mapping[str, Any]) -> dict[str, str]:
    if not template.get("SubjectPart"):
        raise ValueError("The subject must be specified.")
    parts = {name: template.get(name) or "" for name in ("SubjectPart", "HtmlPart", "TextPart")}
    if sum(len(it.encode()) for it in parts.values()) > _MAX_TEMPLATE_BYTES:
        raise ValueError(f"The template is larger than {_MAX_TEMPLATE_BYTES} bytes.")
    return parts
