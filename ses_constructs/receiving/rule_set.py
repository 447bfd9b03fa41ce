"""What happens with mail that arrives: a rule set, active, and its rules in the order in which they are written.

See https://docs.aws.amazon.com/ses/latest/dg/receiving-email-concepts.html.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aws_cdk import aws_iam as iam
from aws_cdk import aws_ses as ses
from constructs import Construct

from ses_constructs._kit.checks import domain_problem, fail, is_token, items
from ses_constructs._kit.custom_resources import custom_resource
from ses_constructs._kit.stacks import stack_around
from ses_constructs.receiving.actions import ReceiptAction
from ses_constructs.receiving.regions import warn_where_nothing_is_received
from ses_constructs.receiving.rule_arns import RuleArns

if TYPE_CHECKING:
    from collections.abc import Sequence

# https://docs.aws.amazon.com/ses/latest/dg/quotas.html
_RULES = 200
_RECIPIENTS = 500
_ACTIONS = 10
_IP_FILTERS = 100
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
# https://docs.aws.amazon.com/ses/latest/APIReference/API_ReceiptRule.html
_RULE_NAME = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9_.-]{0,62}[a-zA-Z0-9])?")
_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_CIDR = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}(?:/(?:3[0-2]|[12]?\d))?")


class ActiveReceiptRuleSet(Construct):
    """Receive mail in this account and region by rules, which are those that SES applies.

    An account has one active rule set a region. This construct makes its set the active one, and never takes that away
    from another unless it is told to; when it goes, it puts back what was there before.

    Defines: a rule set unless you pass one, and its activation as a custom resource
    ``Custom::SesActiveReceiptRuleSet``, for CloudFormation has none. Rules come with :meth:`add_rule`, filters of IP
    addresses with :meth:`block` and :meth:`allow`.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        rule_set_name: str | None = None,
        existing: ses.IReceiptRuleSet | None = None,
        after: str | None = None,
        take_over: bool = False,
    ) -> None:
        """:param rule_set_name: 1 to 64 letters, digits, ``_`` and ``-``, of the set that is made here. Default:
            CloudFormation makes one.

        :param existing: a set that is there already, to add rules to. If it is the active one, nothing changes but the
            rules, and it stays active when this construct goes; else it is made the active one.
        :param after: name of the rule of *existing* that the first rule here follows. Default: it goes to the front.
        :param take_over: make the set active although another one is. That one is put back when this goes. Default:
            the deployment stops and names it.
        :raises ValueError: for a name that SES refuses, or parameters that exclude each other.
        """
        super().__init__(scope, id)
        if existing is not None and rule_set_name is not None:
            fail(self, "rule_set_name", "is for a set that is made here, and existing is none", rule_set_name)
        if after is not None and existing is None:
            fail(self, "after", "names a rule of an existing set, and there is none", after)
        if rule_set_name is not None and not is_token(rule_set_name) and not _NAME.fullmatch(rule_set_name):
            fail(self, "rule_set_name", "must be 1 to 64 letters, digits, _ and -", rule_set_name)
        warn_where_nothing_is_received(self)
        self.rule_set: ses.IReceiptRuleSet = (
            existing
            if existing is not None
            else ses.ReceiptRuleSet(self, "RuleSet", receipt_rule_set_name=rule_set_name)
        )
        """The rule set."""
        self.rule_set_name: str = self.rule_set.receipt_rule_set_name
        """Its name."""
        self.rules: list[ses.CfnReceiptRule] = []
        """The rules made here, in their order."""
        self._after = after
        self._names: list[str] = []
        self._arns = RuleArns.of(self, self.rule_set)
        self._filters = 0
        self.activation = custom_resource(
            self,
            "Activation",
            kind="SesActiveReceiptRuleSet",
            properties={
                "RuleSetName": self.rule_set_name,
                "TakeOver": "true" if take_over else "false",
                "Owned": "true" if existing is None else "false",
            },
            statements=[
                iam.PolicyStatement(
                    actions=["ses:DescribeActiveReceiptRuleSet", "ses:SetActiveReceiptRuleSet"],
                    resources=["*"],  # these actions of API v1 know no resource
                )
            ],
        )
        """The activation; it comes before the rules go, and after they are there."""

    def add_rule(
        self,
        id: str,
        *,
        actions: Sequence[ReceiptAction],
        recipients: Sequence[str] = (),
        rule_name: str | None = None,
        enabled: bool = True,
        scan_enabled: bool = True,
        require_tls: bool = True,
        scope: Construct | None = None,
    ) -> ses.CfnReceiptRule:
        """Add a rule after those that are there.

        :param id: of the rule in *scope*.
        :param actions: 1 to 10, in their order.
        :param recipients: what the envelope's recipients are compared with, at most 500: ``ann@example.com`` (and
            ``ann+label@``), ``example.com`` (its users, not those of subdomains) or ``.example.com`` (those of all
            subdomains). Default: every verified domain of the account.
        :param rule_name: 1 to 64 letters, digits, ``.``, ``_`` and ``-``; changing it makes a new rule. Default:
            CloudFormation makes one.
        :param enabled: whether SES applies it.
        :param scan_enabled: whether SES looks for spam and viruses. It only says what it finds, and acts on nothing.
        :param require_tls: whether mail that comes without TLS is refused.
        :param scope: what the rule belongs to. If that is in another stack, this one is deployed before it, and the
            rule goes behind the last one before it that has a *rule_name* here, else to the front. Default: this
            construct.
        :raises ValueError: for no action or more than 10, more than 500 recipients or such that SES cannot compare, a
            name that SES refuses, or a 201st rule.
        """
        rule = Construct(scope if scope is not None else self, id)
        if len(self.rules) == _RULES:
            fail(rule, "the rule set", f"can have at most {_RULES} rules", _RULES + 1)
        for action in items(rule, "actions", actions, what="actions"):
            if not isinstance(action, ReceiptAction):
                fail(rule, "actions", "must be made by ReceiptAction", action)
        if len(actions) > _ACTIONS:
            fail(rule, "actions", f"must be at most {_ACTIONS}", f"{len(actions)} actions")
        if rule_name is not None and not is_token(rule_name) and not _RULE_NAME.fullmatch(rule_name):
            fail(rule, "rule_name", "must be 1 to 64 letters, digits, ., _ and -, the outer ones no marks", rule_name)
        self._check_recipients(rule, recipients)
        definitions = [action.define(rule, rules=self._arns) for action in actions]
        made = ses.CfnReceiptRule(
            rule,
            "Resource",
            rule_set_name=self.rule_set_name,
            after=self._predecessor(rule),
            rule=ses.CfnReceiptRule.RuleProperty(
                name=rule_name,
                enabled=enabled,
                scan_enabled=scan_enabled,
                tls_policy="Require" if require_tls else "Optional",
                recipients=list(recipients) or None,
                actions=[it.properties for it in definitions],
            ),
        )
        for definition in definitions:
            for dependable in definition.waits_for:
                made.node.add_dependency(dependable)
        if stack_around(rule) is stack_around(self):
            # No mail is refused for want of a rule that is on its way, or has gone already.
            self.activation.node.add_dependency(made)
            self._names += [rule_name] if rule_name is not None else []
        self.rules.append(made)
        return made

    def block(self, id: str, cidr: str) -> ses.CfnReceiptFilter:
        """Refuse mail from IPv4 addresses, before any rule and for the whole account and region.

        :param id: of the filter in this construct.
        :param cidr: an address, or a range like ``10.0.0.0/24``.
        :raises ValueError: for what is neither, or a 101st filter.
        """
        return self._filter(id, cidr, "Block")

    def allow(self, id: str, cidr: str) -> ses.CfnReceiptFilter:
        """Accept mail from IPv4 addresses although a wider range is blocked, or SES distrusts them.

        :param id: of the filter in this construct.
        :param cidr: an address, or a range like ``10.0.0.0/24``.
        :raises ValueError: for what is neither, or a 101st filter.
        """
        return self._filter(id, cidr, "Allow")

    def _predecessor(self, rule: Construct) -> str | None:
        """Return the name of the rule after which *rule* goes.

        Of another stack that is a name that was given, and no reference: CloudFormation deletes no rule that another
        stack refers to.
        """
        place, here = stack_around(rule), stack_around(self)
        found = [it.ref for it in self.rules if stack_around(it) is place]
        if not found and place is not here:
            found = self._names
        return found[-1] if found else self._after

    def _filter(self, id: str, cidr: str, policy: str) -> ses.CfnReceiptFilter:
        if not isinstance(cidr, str) or not (is_token(cidr) or _CIDR.fullmatch(cidr)):
            fail(self, f"cidr of {id}", "must be an IPv4 address or a range like 10.0.0.0/24", cidr)
        if self._filters == _IP_FILTERS:
            fail(self, "the account", f"can have at most {_IP_FILTERS} IP address filters", _IP_FILTERS + 1)
        self._filters += 1
        return ses.CfnReceiptFilter(
            self,
            id,
            filter=ses.CfnReceiptFilter.FilterProperty(
                ip_filter=ses.CfnReceiptFilter.IpFilterProperty(cidr=cidr, policy=policy)
            ),
        )

    def _check_recipients(self, rule: Construct, recipients: Sequence[str]) -> None:
        if isinstance(recipients, str):
            fail(rule, "recipients", "must be a list of addresses and domains", recipients)
        if len(recipients) > _RECIPIENTS:
            fail(rule, "recipients", f"must be at most {_RECIPIENTS}", f"{len(recipients)} recipients")
        for recipient in recipients:
            if is_token(recipient):
                continue
            local, at, domain = recipient.rpartition("@")
            if (
                "*" in recipient
                or (at and not local)
                or domain_problem(domain if at else domain.removeprefix(".")) is not None
            ):
                rule_text = "must be each like ann@example.com, example.com or .example.com"
                fail(rule, "recipients", rule_text, recipient)
