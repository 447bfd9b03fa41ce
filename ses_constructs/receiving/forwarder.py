"""Mail to addresses of a domain goes on to the people behind them.

See https://docs.aws.amazon.com/ses/latest/dg/receiving-email.html. SES sends only from identities of the account, and
DMARC passes only for these, so a mail goes on with a From of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from ses_constructs._kit.alarms import make_dead_letter_alarm
from ses_constructs._kit.checks import check_whole_number, domain_problem, fail, is_token, is_within, items
from ses_constructs._kit.function_queues import Delivery, make_main_queue, make_queue
from ses_constructs._kit.functions import make_function
from ses_constructs._kit.keys import distinct_keys, grant_use
from ses_constructs._kit.nag import acknowledge_objects
from ses_constructs.identity import DomainIdentity, sending_policy
from ses_constructs.identity.sending_identity import SendingIdentity
from ses_constructs.receiving.mailbox import InboundMailbox

if TYPE_CHECKING:
    from aws_cdk import aws_ses as ses

    from ses_constructs.receiving.rule_set import ActiveReceiptRuleSet

_TIMEOUT = Duration.minutes(3)  # as lambda/mail_forwarder/handler.py counts on
_MEMORY = 1024  # MB; a mail of 40 MB takes a quarter of it, and processor time comes with it
# Sending limits are small, and what is throttled waits for the queue: two at a time stay below 14 a second, and one
# that is refused tries again for seven seconds. https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas.html
_CONCURRENCY = 2
# Of the 4 KB of all variables: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_MOST_BYTES = 3_000
_MOST_TARGETS = 50


class MailForwarder(Construct):
    """Send mail for *aliases* on to the people behind them; nothing is lost, and it stays in the mailbox.

    A mail keeps its body byte for byte. Its From becomes ``"Ann (ann@example.net) via info@example.com"`` with
    *from_address*, so that DMARC passes; replies go to the sender, or where the sender wants them. Automatic replies,
    reports of what became of a mail, loops, and mail whose spam or virus verdict is not PASS are not forwarded. What
    SES does not take for good becomes a dead letter with the reason.

    Defines: an :class:`InboundMailbox` unless you pass yours, a queue with its dead-letter queue, encrypted with the
    mailbox's key, the function that forwards, and an alarm for dead letters.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        aliases: Mapping[str, str | Sequence[str]],
        from_address: str,
        identity: SendingIdentity | ses.IEmailIdentity,
        rule_set: ActiveReceiptRuleSet | None = None,
        mailbox: InboundMailbox | None = None,
        configuration_set: ses.IConfigurationSet | None = None,
        max_receive_count: int = 5,
        alarm_actions: Sequence[cloudwatch.IAlarmAction] = (),
        removal_policy: RemovalPolicy | None = None,
    ) -> None:
        """:param aliases: addresses, each with an address or up to 50 to forward to. ``info@example.com`` is also
            ``info+label@``; in ``sales-*@example.com`` the asterisk stands for anything, and ``*@example.com`` catches
            what nothing else does. Addresses come before patterns, and longer patterns before shorter ones. At most
            3,000 bytes as JSON, which Lambda has room for; for more use patterns, or several forwarders.
        :param from_address: what forwarded mail comes from, an address of *identity*.
        :param identity: the identity to send from; an imported one may be used with *configuration_set*. In the
            sandbox call ``grant_send`` with ``sandbox_recipients`` for :attr:`function`, too.
        :param rule_set: where the rule of a new mailbox goes. It takes the addresses among *aliases* and, where there
            are patterns, all mail of their domain; mail for no alias is only stored.
        :param mailbox: yours, which receives for *aliases*. Quarantined mail is not forwarded; mail that it merely
            flags is, and counts for your reputation. One of *rule_set* and *mailbox* is needed.
        :param configuration_set: the set to send with. Default: that of *identity*, if it has one.
        :param max_receive_count: how often a mail is tried before it becomes a dead letter. 1 to 1,000.
        :param alarm_actions: what the alarms do, also those of a new mailbox. Default: nothing, they are only seen.
        :param removal_policy: of what a new mailbox stores, and of its key. Default: both are kept.
        :raises ValueError: for aliases without address, with targets that are aliases themselves, or more than there is
            room for, a *from_address* that is none of *identity*, or parameters that exclude each other.
        """
        super().__init__(scope, id)
        check_whole_number(self, "max_receive_count", max_receive_count, 1, 1000)
        targets = self._checked_aliases(aliases)
        self._check_from(from_address, identity)
        if (rule_set is None) == (mailbox is None):
            fail(self, "rule_set and mailbox", "must be one of them", "both" if mailbox is not None else "neither")
        if mailbox is not None and removal_policy is not None:
            fail(self, "removal_policy", "is for a new mailbox, and mailbox is yours", removal_policy.name)
        if rule_set is not None:
            mailbox = InboundMailbox(
                self,
                "Mailbox",
                rule_set=rule_set,
                recipients=_recipients(targets),
                alarm_actions=alarm_actions,
                removal_policy=(
                    removal_policy if removal_policy is not None else RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
                ),
            )
        assert mailbox is not None
        self.mailbox: InboundMailbox = mailbox
        """Where the mail is received and kept."""
        key = mailbox.encryption_key
        self.dead_letter_queue: sqs.Queue = make_queue(self, "DeadLetterQueue", key)
        """Mail that could not be forwarded, each with its reason in the message attributes."""
        self.queue: sqs.Queue = make_main_queue(
            self,
            "Queue",
            key,
            dead_letter_queue=self.dead_letter_queue,
            delivery=Delivery(max_receive_count, 6 * int(_TIMEOUT.to_seconds())),
        )
        """Mail on its way to the function."""
        self.function: lambda_.Function = make_function(
            self,
            "Function",
            handler="mail_forwarder",
            description="Forwards mail to the people behind an address",
            environment={
                "FORWARDER_NAME": self.node.path,
                "ALIASES": json.dumps(targets, separators=(",", ":")),
                "FROM_ADDRESS": from_address,
                "LOOP_MARK": self.node.addr,
                "KEY_PREFIX": mailbox.prefix,
                "DEAD_LETTER_QUEUE_URL": self.dead_letter_queue.queue_url,
                "MAX_RECEIVE_COUNT": str(max_receive_count),
                **(
                    {"CONFIGURATION_SET": configuration_set.configuration_set_name}
                    if configuration_set is not None
                    else {}
                ),
            },
            timeout=_TIMEOUT,
            memory_size=_MEMORY,
        )
        """The function that forwards mail."""
        self._let_it_work(from_address, identity, [configuration_set] if configuration_set is not None else [])
        heard = mailbox.on_received("Forwarding", scope=self)
        heard.add_queue(self.queue, dead_letter_queue=self.dead_letter_queue)
        self.dead_letter_alarm: cloudwatch.Alarm = make_dead_letter_alarm(
            self,
            "DeadLetterAlarm",
            dead_letter_queue=self.dead_letter_queue,
            queue=self.queue,
            description="Mail could not be forwarded.",
            actions=alarm_actions,
        )
        """Goes off when there is any dead letter."""

    def metric_forwarded(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Count the calls of SES that sent mail on, to up to 50 people each; sums over *period*, or 5 minutes."""
        return self._metric("Forwarded", period)

    def metric_stopped(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Count the mail that is a loop, a report or an automatic reply; sums over *period*, or 5 minutes."""
        return self._metric("Stopped", period)

    def metric_without_alias(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Count the mail with nobody behind its address; sums over *period*, or 5 minutes."""
        return self._metric("WithoutAlias", period)

    def _metric(self, name: str, period: Duration | None) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="SesConstructs/Inbound",  # as in lambda/mail_forwarder/handler.py
            metric_name=name,
            dimensions_map={"Forwarder": self.node.path},
            period=period,
            statistic="Sum",
        )

    def _let_it_work(
        self,
        from_address: str,
        identity: SendingIdentity | ses.IEmailIdentity,
        configuration_sets: Sequence[ses.IConfigurationSet],
    ) -> None:
        function, mailbox = self.function, self.mailbox
        # It writes nothing any more when the bucket is emptied.
        function.node.add_dependency(mailbox.bucket)
        if isinstance(identity, SendingIdentity):
            identity.grant_send(function, from_addresses=[from_address], configuration_sets=configuration_sets)
        else:
            sending_policy.grant_send(
                self,
                function,
                identity_arn=identity.email_identity_arn,
                conditions=sending_policy.conditions(
                    self, from_addresses=[from_address], display_names=None, recipients=None
                ),
                configuration_sets=configuration_sets,
                templates=(),
                sandbox_recipients=(),
            )
        mailbox.grant_read_mail(function)
        marks = mailbox.bucket.arn_for_objects(f"{mailbox.prefix}forwarded/*")
        for statement in (
            iam.PolicyStatement(actions=["s3:GetObject", "s3:PutObject"], resources=[marks]),
            # Without it a missing object is not told from a forbidden one.
            iam.PolicyStatement(actions=["s3:ListBucket"], resources=[mailbox.bucket.bucket_arn]),
        ):
            function.add_to_role_policy(statement)
        acknowledge_objects(function.role, [marks])
        self.dead_letter_queue.grant(function, "sqs:SendMessage")
        for key in distinct_keys(mailbox.bucket.encryption_key, mailbox.encryption_key):
            grant_use(key, function, write=True)
        self.queue.grant_consume_messages(function)
        function.add_event_source_mapping(
            "Queue",
            event_source_arn=self.queue.queue_arn,
            batch_size=1,
            max_concurrency=_CONCURRENCY,
            report_batch_item_failures=True,
        )

    def _checked_aliases(self, aliases: Mapping[str, str | Sequence[str]]) -> dict[str, list[str]]:
        """Return the aliases in lower case, each with a list."""
        if not isinstance(aliases, Mapping) or not aliases:
            fail(self, "aliases", "must be addresses, each with those to forward to", aliases)
        checked: dict[str, list[str]] = {}
        for alias, given in aliases.items():
            if not isinstance(alias, str) or is_token(alias) or _address_problem(alias):
                rule = "must be like info@example.com, sales-*@example.com or *@example.com, and known at synthesis"
                fail(self, "an alias", rule, alias)
            if alias.lower() in checked:
                fail(self, "aliases", "must name each address once, whatever its case", alias)
            targets = [given] if isinstance(given, str) else items(self, f"aliases[{alias!r}]", given, what="addresses")
            if len(targets) > _MOST_TARGETS:
                fail(self, f"aliases[{alias!r}]", f"must be at most {_MOST_TARGETS} addresses", len(targets))
            checked[alias.lower()] = list(targets)
        for alias, targets in checked.items():
            for target in targets:
                if not isinstance(target, str) or not (is_token(target) or _is_address(target)):
                    fail(self, f"aliases[{alias!r}]", "must be addresses to forward to", target)
                if target.lower() in checked:
                    fail(self, f"aliases[{alias!r}]", "must not be aliases themselves: mail would go round", target)
        size = len(json.dumps(checked, separators=(",", ":")))
        if size > _MOST_BYTES:
            rule = f"must be at most {_MOST_BYTES:,} bytes as JSON: use patterns, or several forwarders"
            fail(self, "aliases", rule, f"{size:,} bytes")
        return checked

    def _check_from(self, from_address: str, identity: SendingIdentity | ses.IEmailIdentity) -> None:
        if is_token(from_address):
            return
        if not _is_address(from_address):
            fail(self, "from_address", "must be an address", from_address)
        domain = identity.domain if isinstance(identity, DomainIdentity) else None
        if domain is None or is_token(domain):
            return
        if not is_within(_domain(from_address).lower(), domain):
            fail(self, "from_address", f"must be an address of {domain}", from_address)


def _recipients(aliases: Mapping[str, Sequence[str]]) -> list[str]:
    """Return what the receipt rule compares with: a domain where a pattern is, for SES knows none."""
    domains = {_domain(alias) for alias in aliases if "*" in alias}
    return [*sorted(domains), *(alias for alias in aliases if _domain(alias) not in domains)]


def _domain(address: str) -> str:
    return address.rpartition("@")[2]


def _is_address(text: str) -> bool:
    return "*" not in text and not _address_problem(text)


def _address_problem(text: str) -> bool:
    local, _, domain = text.rpartition("@")
    wrong = not local or not text.isascii() or any(it in ' \t\r\n<>,;:"\\()[]@' for it in local)
    return wrong or domain_problem(domain) is not None
