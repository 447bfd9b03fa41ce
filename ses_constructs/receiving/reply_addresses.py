"""Addresses to answer to, each for one thread, that nobody can make up.

See https://docs.aws.amazon.com/kms/latest/developerguide/hmac.html. The key never leaves KMS, so there is no secret to
keep or to rotate.
"""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_ses as ses
from constructs import Construct

from ses_constructs._kit.checks import domain_name, fail, is_token
from ses_constructs._kit.functions import make_function
from ses_constructs.receiving.mailbox import InboundMailbox

_LONGEST_DAYS = 3650


class ReplyAddresses(Construct):
    """Reply addresses ``reply+TOKEN@domain`` that name a thread (a ticket, an order, a conversation).

    An application asks :attr:`function` for the address of a thread, and sends mail with it as Reply-To. What is
    answered comes to *mailbox*, whose event says ``"thread": {"id": ..., "address": ...}`` if the token is genuine, for
    this domain, and not expired; else ``"thread": null``. The address proves that its owner was given it, and not who
    wrote the mail. The thread is readable in it, so it should be an id and no personal data.

    The function answers ``{"make": thread}`` with ``{"address": ..., "expires_at": ...}``, and ``{"check": address}``
    with ``{"thread": ...}``, or ``{"thread": null, "reason": ...}``: ``NotAReplyAddress``, ``Forged`` or ``Expired``.
    A thread is a UUID in lower case, or 1 to 20 bytes of UTF-8: a local part has 64 characters (RFC 5321).

    Defines: an HMAC key in KMS unless you pass yours, and the function.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        domain: str,
        mailbox: InboundMailbox,
        lifetime: Duration | None = None,
        key: kms.IKey | None = None,
    ) -> None:
        """:param domain: of the addresses. Changing it makes those that are out there worthless.

        :param mailbox: where answers come in: its recipients are to name *domain*, or ``reply@`` it. One of these a
            mailbox.
        :param lifetime: how long an address is good, to the end of the hour; 1 hour to 3,650 days. Default: 30 days.
        :param key: your key of the type HMAC_256; without it, no address is good any more. Default: a new one, which
            KMS keeps for 30 days after it has left the stack.
        :raises ValueError: for what is no domain, a lifetime out of range, or a mailbox that does not receive the
            addresses or has others.
        """
        super().__init__(scope, id)
        self.domain: str = domain_name(self, "domain", domain)
        """Of the addresses."""
        if is_token(domain):
            fail(self, "domain", "must be known at synthesis, to be compared in lower case", domain)
        lifetime = lifetime if lifetime is not None else Duration.days(30)
        if not lifetime.is_unresolved() and not 3600 <= lifetime.to_seconds() <= _LONGEST_DAYS * 86_400:
            fail(self, "lifetime", f"must be from 1 hour to {_LONGEST_DAYS:,} days", str(lifetime))
        self._claim(mailbox)
        self.key: kms.IKey = key if key is not None else self._key()
        """What the tokens are made with."""
        self.function: lambda_.Function = make_function(
            self,
            "Function",
            handler="reply_addresses",
            description="Makes and checks reply addresses",
            environment={
                "REPLY_DOMAIN": self.domain,
                "REPLY_KEY_ARN": self.key.key_arn,
                "LIFETIME_SECONDS": str(int(lifetime.to_seconds())),
            },
            timeout=Duration.seconds(15),
            memory_size=256,
        )
        """Makes and checks addresses for applications."""
        mailbox.function.add_environment("REPLY_DOMAIN", self.domain)
        mailbox.function.add_environment("REPLY_KEY_ARN", self.key.key_arn)
        # Also to check: VerifyMac wants a whole MAC, and an address has room for a part of one.
        for function in (self.function, mailbox.function):
            self.key.grant(function, "kms:GenerateMac")

    def grant_make(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let *grantee* make and check addresses: ``lambda:InvokeFunction`` on :attr:`function`."""
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=["lambda:InvokeFunction"], resource_arns=[self.function.function_arn]
        )

    def _claim(self, mailbox: InboundMailbox) -> None:
        rule = mailbox.rule.rule
        recipients = (rule.recipients or []) if isinstance(rule, ses.CfnReceiptRule.RuleProperty) else []
        if not any(is_token(it) for it in recipients) and not {self.domain, f"reply@{self.domain}"} & {
            it.lower() for it in recipients
        }:
            fail(self, "mailbox", f"must receive for {self.domain} or reply@{self.domain}", ", ".join(recipients))
        if mailbox.node.try_find_child("ReplyAddresses") is not None:
            fail(self, "mailbox", "must not have other reply addresses", mailbox.node.path)
        Construct(mailbox, "ReplyAddresses")

    def _key(self) -> kms.Key:
        return kms.Key(
            self,
            "Key",
            description="Tokens of reply addresses",
            key_spec=kms.KeySpec.HMAC_256,
            key_usage=kms.KeyUsage.GENERATE_VERIFY_MAC,
            pending_window=Duration.days(30),
            removal_policy=RemovalPolicy.DESTROY,
        )
