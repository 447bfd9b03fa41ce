"""What happens with a mail that matches a receipt rule.

See https://docs.aws.amazon.com/ses/latest/dg/receiving-email-action.html, and for the permissions
https://docs.aws.amazon.com/ses/latest/dg/receiving-email-permissions.html.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from aws_cdk import Annotations, Aws
from aws_cdk import aws_iam as iam

from ses_constructs._kit.checks import fail, is_token
from ses_constructs._kit.keys import allow_service
from ses_constructs._kit.publishing import let_ses_publish

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_s3 as s3
    from aws_cdk import aws_sns as sns
    from constructs import Construct, IDependable

    from ses_constructs.receiving.rule_arns import RuleArns

# https://docs.aws.amazon.com/ses/latest/APIReference/API_AddHeaderAction.html
_HEADER_NAME = re.compile(r"[a-zA-Z0-9-]{1,50}")
_HEADER_VALUE_LIMIT = 2048
_REPLY_CODE = re.compile(r"[45]\d\d")  # RFC 5321, section 4.2.1
_STATUS_CODE = re.compile(r"[45]\.\d{1,3}\.\d{1,3}")  # RFC 3463, section 2


class Invocation(StrEnum):
    """How SES calls a function."""

    EVENT = "Event"
    """It does not wait, and Lambda tries again when the function fails."""
    REQUEST_RESPONSE = "RequestResponse"
    """It waits for at most 30 seconds, and the function's answer says whether rule or rule set go on."""


class SnsEncoding(StrEnum):
    """How the mail is written into a notification."""

    BASE64 = "Base64"
    UTF_8 = "UTF-8"
    """Damages what is not UTF-8."""


@dataclass(frozen=True)
class BounceTemplate:
    """What a sender is told; the usual ones are here, and you may make your own.

    See https://docs.aws.amazon.com/ses/latest/dg/receiving-email-action-bounce.html.
    """

    smtp_reply_code: str
    """400 to 599 (RFC 5321, section 4.2.1)."""
    status_code: str | None
    """Like ``5.1.1`` (RFC 3463, section 2); None for none."""
    message: str
    """A sentence for people."""

    MAILBOX_DOES_NOT_EXIST: ClassVar[BounceTemplate]
    MESSAGE_TOO_LARGE: ClassVar[BounceTemplate]
    MAILBOX_FULL: ClassVar[BounceTemplate]
    MESSAGE_CONTENT_REJECTED: ClassVar[BounceTemplate]
    UNKNOWN_FAILURE: ClassVar[BounceTemplate]
    TEMPORARY_FAILURE: ClassVar[BounceTemplate]


BounceTemplate.MAILBOX_DOES_NOT_EXIST = BounceTemplate("550", "5.1.1", "Mailbox does not exist")
BounceTemplate.MESSAGE_TOO_LARGE = BounceTemplate("552", "5.3.4", "Message too large")
BounceTemplate.MAILBOX_FULL = BounceTemplate("552", "5.2.2", "Mailbox full")
BounceTemplate.MESSAGE_CONTENT_REJECTED = BounceTemplate("500", "5.6.1", "Message content rejected")
BounceTemplate.UNKNOWN_FAILURE = BounceTemplate("554", "5.0.0", "Unknown failure")
BounceTemplate.TEMPORARY_FAILURE = BounceTemplate("450", "4.0.0", "Temporary failure")


class Definition(NamedTuple):
    """An action as CloudFormation writes it, and what must be there before the rule: SES tries all of it at once."""

    properties: dict[str, Any]
    waits_for: list[IDependable]


class ReceiptAction(ABC):
    """One action of a receipt rule. Use a factory."""

    @abstractmethod
    def define(self, scope: Construct, *, rules: RuleArns) -> Definition:
        """Give SES the permissions that the action needs.

        :param scope: the rule, to define things in and to warn at.
        :param rules: the rules to which permissions are confined.
        """

    @staticmethod
    def store(
        bucket: s3.IBucket,
        *,
        prefix: str | None = None,
        topic: sns.ITopic | None = None,
        role: iam.IRole | None = None,
        client_side_key: kms.IKey | None = None,
    ) -> ReceiptAction:
        """Store the whole mail, up to 40 MB, as an object.

        :param bucket: in the same region, unless *role* is given. Object lock with a default retention cannot be used.
            If the bucket encrypts by default with a customer managed key, SES may use that key.
        :param prefix: of the object's key; SES adds a slash and its message id. Do not work the key out, read
            ``receipt.action.objectKey``. Default: none.
        :param topic: is told of each mail that was stored, without its content. Default: nobody.
        :param role: that SES assumes to write, for a bucket in a region where SES does not receive; it must trust
            ses.amazonaws.com. It is granted to write below *prefix*. Default: the bucket's policy lets SES write.
        :param client_side_key: SES encrypts the mail itself with the encryption client of S3 for Java, Ruby and Go,
            which boto3 cannot read. For encryption at rest use the bucket's own instead. Default: none.
        """
        return _S3(bucket, prefix, topic, role, client_side_key)

    @staticmethod
    def invoke(
        function: lambda_.IFunction, *, invocation: Invocation = Invocation.EVENT, topic: sns.ITopic | None = None
    ) -> ReceiptAction:
        """Call a function with envelope, header and verdicts, and without the body.

        :param function: in the same region and account.
        :param invocation: whether SES waits for what the function says.
        :param topic: is told that the function was called. Default: nobody.
        """
        return _Lambda(function, invocation, topic)

    @staticmethod
    def publish(topic: sns.ITopic, *, encoding: SnsEncoding = SnsEncoding.BASE64) -> ReceiptAction:
        """Publish the whole mail to a topic. A mail above 150 KB **bounces**: for others use :meth:`store`.

        :param topic: a standard topic in the same region.
        :param encoding: of the content in the notification.
        """
        return _Sns(topic, encoding)

    @staticmethod
    def bounce(template: BounceTemplate, *, sender: str, topic: sns.ITopic | None = None) -> ReceiptAction:
        """Return the mail to its sender.

        :param template: what the sender is told.
        :param sender: a verified address, from which the bounce comes.
        :param topic: is told of it. Default: nobody.
        """
        return _Bounce(template, sender, topic)

    @staticmethod
    def add_header(name: str, value: str) -> ReceiptAction:
        """Add a header field, which later actions and stored copies have.

        :param name: 1 to 50 letters, digits and dashes.
        :param value: at most 2,048 characters in one line.
        """
        return _AddHeader(name, value)

    @staticmethod
    def stop(*, topic: sns.ITopic | None = None) -> ReceiptAction:
        """End the whole rule set for this mail, not only the rule.

        :param topic: is told of it. Default: nobody.
        """
        return _Stop(topic)

    @staticmethod
    def work_mail(organization_arn: str, *, topic: sns.ITopic | None = None) -> ReceiptAction:
        """Hand the mail to Amazon WorkMail, which sets this up by itself as a rule.

        :param organization_arn: ARN of the organization.
        :param topic: is told of it. Default: nobody.
        """
        return _WorkMail(organization_arn, topic)

    @staticmethod
    def connect(instance_arn: str, *, role: iam.IRole | None = None) -> ReceiptAction:
        """Start an email contact in Amazon Connect. Mail above 40 MB or with more than 10 attachments bounces.

        :param instance_arn: ARN of the instance.
        :param role: that SES assumes, with ``connect:StartEmailContact``. Default: a new one.
        """
        return _Connect(instance_arn, role)


@dataclass(frozen=True)
class _S3(ReceiptAction):
    bucket: s3.IBucket
    prefix: str | None
    topic: sns.ITopic | None
    role: iam.IRole | None
    client_side_key: kms.IKey | None

    def define(self, scope: Construct, *, rules: RuleArns) -> Definition:
        waits_for = self._let_ses_write(scope, rules)
        told, more = _told(scope, self.topic, rules)
        properties = {"bucketName": self.bucket.bucket_name, "objectKeyPrefix": self.prefix, **told}
        if self.role is not None:
            properties["iamRoleArn"] = self.role.role_arn
        if self.client_side_key is not None:
            _let_ses_encrypt(scope, self.client_side_key, rules)
            properties["kmsKeyArn"] = self.client_side_key.key_arn
            more.append(self.client_side_key)
        return Definition({"s3Action": properties}, [*waits_for, *more])

    def _let_ses_write(self, scope: Construct, rules: RuleArns) -> list[IDependable]:
        objects = self.bucket.arn_for_objects(f"{self.prefix or ''}*")
        key = self.bucket.encryption_key
        if self.role is not None:
            grant = self.bucket.grant_put(self.role, f"{self.prefix or ''}*")
            return [grant]
        source = rules.named_by(scope, self.bucket)
        added = self.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["s3:PutObject"],
                principals=[iam.ServicePrincipal("ses.amazonaws.com")],
                resources=[objects],
                conditions=_conditions(source),
            )
        )
        if not added.statement_added:
            Annotations.of(scope).add_warning_v2(
                "ses-constructs:importedBucketPolicy",
                "The bucket is imported, so its policy cannot be changed from here: it must allow ses.amazonaws.com "
                f"s3:PutObject on {objects} with aws:SourceArn {source}.",
            )
        waits_for: list[IDependable] = [added.policy_dependable] if added.policy_dependable is not None else []
        if key is not None:
            _let_ses_encrypt(scope, key, rules)
            waits_for.append(key)
        return waits_for


@dataclass(frozen=True)
class _Lambda(ReceiptAction):
    function: lambda_.IFunction
    invocation: Invocation
    topic: sns.ITopic | None

    def define(self, scope: Construct, *, rules: RuleArns) -> Definition:
        from aws_cdk import aws_lambda as lambda_

        # One for each rule and function; beside the rule, so that it can go with it.
        id = f"Invoke{self.function.node.addr[:8]}"
        permission = scope.node.try_find_child(id) or lambda_.CfnPermission(
            scope,
            id,
            action="lambda:InvokeFunction",
            function_name=self.function.function_arn,
            principal="ses.amazonaws.com",
            source_account=Aws.ACCOUNT_ID,
            source_arn=rules.of_set,
        )
        told, more = _told(scope, self.topic, rules)
        properties = {
            "functionArn": self.function.function_arn,
            "invocationType": Invocation(self.invocation).value,
            **told,
        }
        return Definition({"lambdaAction": properties}, [permission, *more])


@dataclass(frozen=True)
class _Sns(ReceiptAction):
    topic: sns.ITopic
    encoding: SnsEncoding

    def define(self, scope: Construct, *, rules: RuleArns) -> Definition:
        told, more = _told(scope, self.topic, rules)
        return Definition({"snsAction": {**told, "encoding": SnsEncoding(self.encoding).value}}, more)


@dataclass(frozen=True)
class _Bounce(ReceiptAction):
    template: BounceTemplate
    sender: str
    topic: sns.ITopic | None

    def define(self, scope: Construct, *, rules: RuleArns) -> Definition:
        code, status = self.template.smtp_reply_code, self.template.status_code
        if not is_token(code) and not _REPLY_CODE.fullmatch(code):
            fail(scope, "smtp_reply_code of bounce", "must be 400 to 599", code)
        if status is not None and not is_token(status) and not _STATUS_CODE.fullmatch(status):
            fail(scope, "status_code of bounce", "must be like 5.1.1", status)
        if not is_token(self.sender) and "@" not in self.sender:
            fail(scope, "sender of bounce", "must be an address", self.sender)
        told, more = _told(scope, self.topic, rules)
        properties = {
            "message": self.template.message,
            "sender": self.sender,
            "smtpReplyCode": code,
            "statusCode": status,
            **told,
        }
        return Definition({"bounceAction": properties}, more)


@dataclass(frozen=True)
class _AddHeader(ReceiptAction):
    name: str
    value: str

    def define(self, scope: Construct, *, rules: RuleArns) -> Definition:
        if not is_token(self.name) and not _HEADER_NAME.fullmatch(self.name):
            fail(scope, "name of add_header", "must be 1 to 50 letters, digits and dashes", self.name)
        if not is_token(self.value) and (len(self.value) > _HEADER_VALUE_LIMIT or re.search(r"[\r\n]", self.value)):
            fail(scope, "value of add_header", "must be at most 2,048 characters in one line", self.value)
        return Definition({"addHeaderAction": {"headerName": self.name, "headerValue": self.value}}, [])


@dataclass(frozen=True)
class _Stop(ReceiptAction):
    topic: sns.ITopic | None

    def define(self, scope: Construct, *, rules: RuleArns) -> Definition:
        told, more = _told(scope, self.topic, rules)
        return Definition({"stopAction": {"scope": "RuleSet", **told}}, more)


@dataclass(frozen=True)
class _WorkMail(ReceiptAction):
    organization_arn: str
    topic: sns.ITopic | None

    def define(self, scope: Construct, *, rules: RuleArns) -> Definition:
        told, more = _told(scope, self.topic, rules)
        return Definition({"workmailAction": {"organizationArn": self.organization_arn, **told}}, more)


@dataclass(frozen=True)
class _Connect(ReceiptAction):
    instance_arn: str
    role: iam.IRole | None

    def define(self, scope: Construct, *, rules: RuleArns) -> Definition:
        role = self.role
        if role is None:
            principal = iam.ServicePrincipal("ses.amazonaws.com", conditions=_conditions(rules.of_set))
            role = iam.Role(scope, "ConnectRole", assumed_by=principal)
        grant = iam.Grant.add_to_principal(
            grantee=role,
            actions=["connect:StartEmailContact"],
            resource_arns=[self.instance_arn, f"{self.instance_arn}/contact/*"],
        )
        properties = {"instanceArn": self.instance_arn, "iamRoleArn": role.role_arn}
        return Definition({"connectAction": properties}, [grant])


def _told(scope: Construct, topic: sns.ITopic | None, rules: RuleArns) -> tuple[dict[str, Any], list[IDependable]]:
    if topic is None:
        return {}, []
    waits_for = let_ses_publish(scope, topic, source_arn=partial(rules.named_by, scope))
    return {"topicArn": topic.topic_arn}, waits_for


def _let_ses_encrypt(scope: Construct, key: kms.IKey, rules: RuleArns) -> None:
    conditions = _conditions(rules.named_by(scope, key))
    allow_service(scope, key, service="ses.amazonaws.com", conditions=conditions)


def _conditions(arns: str) -> dict[str, dict[str, str]]:
    return {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}, "ArnLike": {"aws:SourceArn": arns}}
