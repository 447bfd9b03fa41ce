"""What domain and address identities have in common: who may send from them, and who hears of what becomes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_ses as ses
from constructs import Construct, Dependable

from ses_constructs._kit.checks import fail
from ses_constructs.identity import sending_policy
from ses_constructs.identity.default_set import check_default_set
from ses_constructs.identity.sending_policy import IdentitySendingPolicy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import CfnResource, Duration
    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_sns as sns

    from ses_constructs.identity.notifications import IdentityNotifications
    from ses_constructs.identity.verification import IdentityVerification
    from ses_constructs.sending import EmailTemplate

_REMOVAL = (RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE, RemovalPolicy.RETAIN, RemovalPolicy.DESTROY)
# https://docs.aws.amazon.com/ses/latest/dg/sending-authorization-identity-owner-tasks-policy.html
_POLICIES = 20


class SendingIdentity(Construct):
    """An identity to send from: a :class:`DomainIdentity` or an :class:`EmailAddressIdentity`."""

    _name: str
    _resource: CfnResource

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        configuration_set: ses.IConfigurationSet | None,
        feedback_forwarding: bool,
        removal_policy: RemovalPolicy,
    ) -> None:
        """:param configuration_set: the default set. For all see the classes derived from this one."""
        super().__init__(scope, id)
        if removal_policy not in _REMOVAL:
            fail(self, "removal_policy", "must be to retain or to destroy: there are no snapshots", removal_policy)
        self._configuration_set = configuration_set
        self._feedback_forwarding = feedback_forwarding
        self._policies = 0
        check_default_set(self, configuration_set, removal_policy)
        self._notifications: IdentityNotifications | None = None
        self._verification: IdentityVerification | None = None
        self._identity: ses.IEmailIdentity | None = None

    @property
    def identity(self) -> ses.IEmailIdentity:
        """The email identity as the CDK's constructs take it; its ``node.default_child`` is the resource itself."""
        # Made when it is asked for: most programs do not need it, and it costs more calls into the CDK than all else.
        if self._identity is None:
            self._identity = ses.EmailIdentity.from_email_identity_name(self, "Identity", self._resource.ref)
            # It is an import for the CDK: what depends on it would wait for nothing, and nothing would be behind it.
            self._identity.node.default_child = self._resource
            Dependable.implement(self._identity, Dependable.of(self._resource))
        return self._identity

    @property
    def identity_arn(self) -> str:
        """The ARN that IAM policies name."""
        return Stack.of(self).format_arn(service="ses", resource="identity", resource_name=self._resource.ref)

    def grant_send(
        self,
        grantee: iam.IGrantable,
        *,
        from_addresses: Sequence[str] | None = None,
        display_names: Sequence[str] | None = None,
        recipients: Sequence[str] | None = None,
        configuration_sets: Sequence[ses.IConfigurationSet] = (),
        templates: Sequence[str | EmailTemplate] = (),
        sandbox_recipients: Sequence[SendingIdentity | ses.IEmailIdentity] = (),
    ) -> iam.Grant:
        """Let *grantee* send from this identity, over the API and over SMTP.

        SES checks ``ses:SendRawEmail`` for raw messages and SMTP, ``ses:SendEmail`` for the others, and checks both on
        the identity **and** on the configuration set in use. In patterns ``*`` and ``?`` match as in IAM, which
        compares with regard to case. See https://docs.aws.amazon.com/ses/latest/dg/control-user-access.html.

        :param from_addresses: only with From addresses like these. Default: every address of the identity.
        :param display_names: only with display names like these in the From header. Default: any.
        :param recipients: only if every recipient is like one of these. Default: anybody.
        :param configuration_sets: sets that the grantee may name. The identity's default set is always included.
        :param templates: stored templates, or their names or ARNs, that the grantee may send with, one by one and in
            bulk. Default: none, and nothing in bulk.
        :param sandbox_recipients: identities that the grantee may send **to** while the account is in the sandbox,
            where SES checks the recipient's identity as well.
        :raises ValueError: if a list is a plain string, or one of the first three is empty.
        """
        for parameter, value in (("templates", templates), ("sandbox_recipients", sandbox_recipients)):
            if isinstance(value, str):
                fail(self, parameter, "must be a list", value)
        sets = list(configuration_sets)
        if self._configuration_set is not None:
            sets.append(self._configuration_set)
        return sending_policy.grant_send(
            self,
            grantee,
            identity_arn=self.identity_arn,
            conditions=sending_policy.conditions(
                self, from_addresses=from_addresses, display_names=display_names, recipients=recipients
            ),
            configuration_sets=sets,
            templates=templates,
            sandbox_recipients=sandbox_recipients,
        )

    def add_sending_policy(
        self,
        id: str,
        *,
        principals: Sequence[str],
        from_addresses: Sequence[str] | None = None,
        display_names: Sequence[str] | None = None,
        recipients: Sequence[str] | None = None,
        policy_name: str | None = None,
    ) -> IdentitySendingPolicy:
        """Let others send from this identity with their own SES (sending authorization); at most 20 policies.

        They name the identity's ARN as ``FromEmailAddressIdentityArn``, and send through their own configuration sets
        and quota. Bounces and complaints go where this identity says.

        :param id: id of the construct below this one.
        :param principals: account numbers of 12 digits, or ARNs of IAM users and roles, in this or in other accounts.
        :param from_addresses: only with From addresses like these, as in :meth:`grant_send`. Default: every address.
        :param display_names: only with display names like these. Default: any.
        :param recipients: only if every recipient is like one of these. Default: anybody.
        :param policy_name: 1 to 64 letters, digits, ``_`` and ``-``; changing it makes a new policy. Default: made of
            the construct's path.
        :raises ValueError: for principals or a name that SES refuses, empty lists, a policy of more than 4,096 bytes,
            or a twenty-first policy.
        """
        if self._policies == _POLICIES:
            fail(self, "the identity", f"can have at most {_POLICIES} sending policies", self._policies + 1)
        self._policies += 1
        return IdentitySendingPolicy(
            self,
            id,
            identity_name=self._resource.ref,
            identity_arn=self._arn_by_name(),
            principals=principals,
            conditions=sending_policy.conditions(
                self, from_addresses=from_addresses, display_names=display_names, recipients=recipients
            ),
            policy_name=policy_name,
        )

    def set_notification_topic(
        self,
        topic: sns.ITopic,
        *,
        events: Sequence[str] = ("BOUNCE", "COMPLAINT"),
        headers: bool = False,
        encryption_key: kms.IKey | None = None,
    ) -> IdentityNotifications:
        """Let SES tell a topic what becomes of mail from this identity, with or without a configuration set.

        Each type can have one topic, so call it again for another topic and other types. Forwarding by mail goes on
        until topics get bounces and complaints. When this leaves the stack, so do the topics, and forwarding is on.

        :param topic: your standard topic, in the same region; SES is allowed to publish to it for this identity.
        :param events: ``BOUNCE``, ``COMPLAINT`` and ``DELIVERY``, as texts or :class:`EventType`.
        :param headers: whether these notifications carry the headers of the mail.
        :param encryption_key: customer managed key that encrypts *topic*, if the CDK cannot see it there; SES is
            allowed to use it.
        :raises ValueError: for a plain string or other types as events, a type that has a topic already, a FIFO topic
            or one that is encrypted with an AWS managed key.
        """
        if self._notifications is None:
            from ses_constructs.identity.notifications import IdentityNotifications

            self._notifications = IdentityNotifications(
                self,
                "Notifications",
                identity_name=self._resource.ref,
                identity_arn=self._arn_by_name(),
                feedback_forwarding=self._feedback_forwarding,
            )
        self._notifications.add(topic, events=events, headers=headers, encryption_key=encryption_key)
        return self._notifications

    def when_verified(self, *, timeout: Duration | None = None) -> IdentityVerification:
        """Return what to depend on, so as to be deployed once SES has verified the identity and it can send.

        ``function.node.add_dependency(identity.when_verified())``. If it is not verified in time the deployment fails,
        and says which DNS records SES looks for and what it sees instead. Records made by hand must be there in time,
        so deploy once without it to learn them.

        :param timeout: 1 second to 14 minutes. Default: 10 minutes.
        :raises ValueError: for a time-out out of range, or another one than before.
        """
        if self._verification is None:
            from ses_constructs.identity.notifications import IdentityNotifications
            from ses_constructs.identity.verification import IdentityVerification

            # The identity and its records; what else is below this may itself want to wait for the verification.
            others = (IdentityNotifications, IdentitySendingPolicy)
            self._verification = IdentityVerification(
                self,
                "Verification",
                identity_name=self._resource.ref,
                identity_arn=self._arn_by_name(),
                timeout=timeout,
                after=[it for it in self.node.children if not isinstance(it, others)],
            )
        elif timeout is not None and timeout.to_seconds() != self._verification.timeout:
            rule = f"must be the one of the first call, {self._verification.timeout} seconds"
            fail(self, "timeout", rule, timeout.to_human_string())
        return self._verification

    def _arn_by_name(self) -> str:
        # Without a reference to the identity, which may itself wait for what this ARN goes into: the policy of the
        # custom resources' function, or of a topic in a stack that is deployed before.
        return Stack.of(self).format_arn(service="ses", resource="identity", resource_name=self._name)

    def _define(
        self,
        removal_policy: RemovalPolicy,
        *,
        dkim_signing: Mapping[str, str] | None = None,
        mail_from: Mapping[str, str] | None = None,
    ) -> ses.CfnEmailIdentity:
        settings: dict[str, Any] = {"feedback_attributes": {"emailForwardingEnabled": self._feedback_forwarding}}
        if self._configuration_set is not None:
            name = self._configuration_set.configuration_set_name
            settings["configuration_set_attributes"] = {"configurationSetName": name}
        if dkim_signing is not None:
            settings["dkim_signing_attributes"] = dkim_signing
        if mail_from is not None:
            settings["mail_from_attributes"] = mail_from
        # Not the CDK's EmailIdentity: to read its DKIM records is seven calls into the CDK for each domain.
        resource = ses.CfnEmailIdentity(self, "Resource", email_identity=self._name, **settings)
        resource.apply_removal_policy(removal_policy)
        return resource
