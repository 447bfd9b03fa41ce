"""Who hears of bounces, complaints and deliveries of an identity's mail: its notification topics.

See https://docs.aws.amazon.com/ses/latest/dg/configure-sns-notifications.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Annotations, CfnResource, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from ses_constructs._kit.checks import fail, items
from ses_constructs._kit.custom_resources import custom_resource
from ses_constructs._kit.keys import allow_service
from ses_constructs._kit.topics import CUSTOMER_KEY, checked_topic, is_aws_managed, lets_ses_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_kms as kms

# The three event types that identities notify of, and their names in API v1.
_TYPES = {"BOUNCE": "Bounce", "COMPLAINT": "Complaint", "DELIVERY": "Delivery"}


class IdentityNotifications(Construct):
    """Made by ``set_notification_topic`` of an identity, once for all of its topics.

    Defines: the settings, as a custom resource ``Custom::SesIdentityNotifications``, for CloudFormation has none.
    """

    def __init__(
        self, scope: Construct, id: str, *, identity_name: str, identity_arn: str, feedback_forwarding: bool
    ) -> None:
        """:param identity_name: the identity: a domain or an address.

        :param identity_arn: its ARN, to which topic and key policies are confined.
        :param feedback_forwarding: whether SES goes on to mail feedback to the sender when topics get all of it.
        """
        super().__init__(scope, id)
        self._identity_arn = identity_arn
        self._topics: dict[str, sns.ITopic] = {}
        self._headers: list[str] = []
        self.resource = custom_resource(
            self,
            "Resource",
            kind="SesIdentityNotifications",
            properties={"Identity": identity_name, "FeedbackForwarding": "true" if feedback_forwarding else "false"},
            statements=[
                iam.PolicyStatement(
                    actions=[
                        "ses:GetIdentityNotificationAttributes",
                        "ses:SetIdentityFeedbackForwardingEnabled",
                        "ses:SetIdentityHeadersInNotificationsEnabled",
                        "ses:SetIdentityNotificationTopic",
                    ],
                    resources=["*"],  # these actions of API v1 know no resource
                )
            ],
        )

    def add(self, topic: sns.ITopic, *, events: Sequence[str], headers: bool, encryption_key: kms.IKey | None) -> None:
        """Add a topic. For the parameters see ``set_notification_topic``."""
        names = self._checked(events)
        if encryption_key is not None and is_aws_managed(encryption_key.key_arn):
            fail(self, "encryption_key", f"must be a {CUSTOMER_KEY}", encryption_key.key_arn)
        key = encryption_key if encryption_key is not None else checked_topic(self, "topic", topic).key
        self._let_ses_in(topic, key)
        settings = self.resource.node.default_child
        assert isinstance(settings, CfnResource)
        for name in names:
            self._topics[name] = topic
            settings.add_property_override(f"Topics.{name}", topic.topic_arn)
        if headers:
            self._headers += names
            settings.add_property_override("Headers", self._headers)

    def _checked(self, events: Sequence[str]) -> list[str]:
        given = list(dict.fromkeys(items(self, "events", events, what="event types")))
        unknown = [str(event) for event in given if event not in _TYPES]
        if unknown:
            fail(self, "events", f"must be among {', '.join(_TYPES)}", unknown)
        names = [_TYPES[event] for event in given]
        taken = [str(event) for event in given if _TYPES[event] in self._topics]
        if taken:
            fail(self, "events", "must be such that have no topic yet: SES knows one a type", taken)
        return names

    def _let_ses_in(self, topic: sns.ITopic, key: kms.IKey | None) -> None:
        conditions = {
            "StringEquals": {"aws:SourceAccount": Stack.of(self).account},
            "ArnLike": {"aws:SourceArn": self._identity_arn},
        }
        if key is not None:
            allow_service(self, key, service="ses.amazonaws.com", conditions=conditions)
            self.resource.node.add_dependency(key)
        if any(topic is known for known in self._topics.values()):
            return
        statement = iam.PolicyStatement(
            actions=["sns:Publish"],
            principals=[iam.ServicePrincipal("ses.amazonaws.com")],
            resources=[topic.topic_arn],
            conditions=conditions,
        )
        added = topic.add_to_resource_policy(statement)
        if added.policy_dependable is not None:
            # SES tries the topic when it is set.
            self.resource.node.add_dependency(added.policy_dependable)
        if not added.statement_added and not lets_ses_in(topic):
            Annotations.of(self).add_warning_v2(
                "ses-constructs:importedTopicPolicy",
                "The topic is imported, so its policy cannot be changed from here: it must allow ses.amazonaws.com "
                f"sns:Publish with aws:SourceArn {self._identity_arn}.",
            )
