"""What the construct tests share: a synthesised stack that is easy to ask."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_route53 as route53
from aws_cdk.assertions import Annotations, Match, Template


@dataclass(frozen=True)
class Synthesised:
    stack: cdk.Stack
    template: dict[str, Any]

    def resources(self, resource_type: str) -> dict[str, dict[str, Any]]:
        found = {name: it for name, it in self.template["Resources"].items() if it["Type"] == resource_type}
        assert found, f"no {resource_type} in the template"
        return found

    def only(self, resource_type: str) -> dict[str, Any]:
        found = list(self.resources(resource_type).values())
        assert len(found) == 1, f"{len(found)} of {resource_type}"
        return found[0]

    def properties(self, resource_type: str) -> dict[str, Any]:
        properties: dict[str, Any] = self.only(resource_type)["Properties"]
        return properties

    def warnings(self) -> list[str]:
        found = Annotations.from_stack(self.stack).find_warning("*", Match.any_value())
        return [str(it.entry.data) for it in found]


def hosted_zone(stack: cdk.Stack, name: str = "example.com") -> route53.IHostedZone:
    return route53.HostedZone.from_hosted_zone_attributes(
        stack, f"Zone-{name}", hosted_zone_id="Z0123456789EXAMPLE", zone_name=name
    )


def synthesise(define: Callable[[cdk.Stack], object]) -> Synthesised:
    stack = cdk.Stack(cdk.App(), "Mail")
    define(stack)
    return Synthesised(stack, dict(Template.from_stack(stack).to_json()))


def text(value: Any) -> str:
    """A property with its intrinsic functions written out, `${Name}` for a reference, so that it can be compared."""
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    match function:
        case "Ref":
            return f"${{{argument}}}"
        case "Fn::GetAtt":
            return f"${{{'.'.join(argument)}}}"
        case "Fn::Join":
            separator, parts = argument
            return str(separator).join(text(part) for part in parts)
    raise AssertionError(f"unexpected {function}")


RSA_2048_PEM = """-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAmUO0jtTZ0lLQTCyLrGMo
tRB7zgH/J/FaeIMOuobpBgnzvMvgHKo/aEWRiDNYzC3M6Px7cTbOjPpUm4ld9GzH
4gtCTIJj08KI+DQh2rWYccusFlvnTfeaxwchh9eJrnHabp8xwfjn+blG7FLN9coa
+pcRpOEm41sujFJV8QdCK78MWB1/5YnFqSVelMFd3MxY4fwHii+vlqSs1iFJ6ESe
6jzW61N0VOoa8cU0JQQiGtFSc8I/1OjtvMvn3RaeKZf5XaEKyenI36zC5AdITT/v
N4GwhHa3ely2JHHJRD9c61Z0VMoXzW8drJdfmTby4PhEy1oT5h88Cluw/3w0l7AH
9wIDAQAB
-----END PUBLIC KEY-----
"""
