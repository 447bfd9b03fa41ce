"""What CloudFormation cannot do: custom resources, all of a stack handled by one function.

See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-custom-resources.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from aws_cdk import Acknowledgment, CustomResource, Duration, RemovalPolicy, Stack, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from ses_constructs._kit.functions import make_function
from ses_constructs._kit.nag import acknowledge_objects

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PROVIDER = "SesConstructsCustomResources"
_TIMEOUT = Duration.minutes(15)  # Lambda's longest
_SERVICE_TIMEOUT = Duration.minutes(16)  # or a function that could not answer would block the stack for an hour


def custom_resource(
    scope: Construct,
    id: str,
    *,
    kind: str,
    properties: Mapping[str, Any],
    statements: Sequence[iam.PolicyStatement] = (),
    removal_policy: RemovalPolicy = RemovalPolicy.DESTROY,
) -> CustomResource:
    """Define a custom resource of the type ``Custom::<kind>``.

    :param properties: in PascalCase; CloudFormation hands them on as texts.
    :param statements: what the function must be allowed for this resource.
    """
    provider = _provider(Stack.of(scope))
    for statement in statements:
        provider.add_to_role_policy(statement)
        if "*" in statement.resources:
            _acknowledge_wildcard(provider)
        acknowledge_objects(provider.role, [it for it in statement.resources if it.endswith("/*")])
    resource = CustomResource(
        scope,
        id,
        resource_type=f"Custom::{kind}",
        service_token=provider.function_arn,
        properties=dict(properties),
        service_timeout=_SERVICE_TIMEOUT,
        removal_policy=removal_policy,
    )
    # The permission must be there before the function is called, and until it was called for the last time.
    resource.node.add_dependency(provider)
    return resource


def _acknowledge_wildcard(provider: lambda_.Function) -> None:
    # For users of cdk-nag, who would otherwise have to find out whether it could be narrower.
    assert provider.role is not None
    reason = "The actions with this resource know no narrower one: they are of API v1 of SES"
    Validations.of(provider.role).acknowledge(
        Acknowledgment(id="AwsSolutions::AwsSolutions-IAM5[Resource::*]", reason=reason)
    )


def _provider(stack: Stack) -> lambda_.Function:
    found = stack.node.try_find_child(_PROVIDER)
    if found is not None:
        return cast("lambda_.Function", found.node.find_child("Function"))
    return make_function(
        Construct(stack, _PROVIDER),
        "Function",
        handler="custom_resources",
        description="Does for the stack's SES resources what CloudFormation cannot do",
        environment={},
        timeout=_TIMEOUT,
        memory_size=256,
    )
