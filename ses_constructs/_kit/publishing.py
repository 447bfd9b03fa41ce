"""Letting SES publish to a topic.

See https://docs.aws.amazon.com/ses/latest/dg/receiving-email-permissions.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Annotations, Aws
from aws_cdk import aws_iam as iam

from ses_constructs._kit.keys import allow_service
from ses_constructs._kit.topics import checked_topic

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_cdk import aws_sns as sns
    from constructs import Construct, IConstruct, IDependable


def let_ses_publish(
    scope: Construct, topic: sns.ITopic, *, source_arn: Callable[[IConstruct], str]
) -> list[IDependable]:
    """Let SES publish to *topic*, and use its key, on behalf of *source_arn* alone.

    :param scope: whose topic it is, for errors and warnings.
    :param source_arn: returns the ARN, or pattern, that the policy of a resource can name.
    :returns: what must be deployed before SES tries the topic.
    """
    key = checked_topic(scope, "topic", topic).key
    waits_for: list[IDependable] = []
    if key is not None:
        allow_service(scope, key, service="ses.amazonaws.com", conditions=_conditions(source_arn(key)))
        waits_for.append(key)
    source = source_arn(topic)
    statement = iam.PolicyStatement(
        actions=["sns:Publish"],
        principals=[iam.ServicePrincipal("ses.amazonaws.com")],
        resources=[topic.topic_arn],
        conditions=_conditions(source),
    )
    added = topic.add_to_resource_policy(statement)
    if added.policy_dependable is not None:
        waits_for.append(added.policy_dependable)
    if not added.statement_added:
        Annotations.of(scope).add_warning_v2(
            "ses-constructs:importedTopicPolicy",
            "The topic is imported, so its policy cannot be changed from here: it must allow ses.amazonaws.com "
            f"sns:Publish with aws:SourceArn {source}.",
        )
    return waits_for


def _conditions(source_arn: str) -> dict[str, dict[str, str]]:
    return {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}, "ArnLike": {"aws:SourceArn": source_arn}}
