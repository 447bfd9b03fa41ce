"""On whose behalf SES comes, for the policies of what receipt rules use.

See https://docs.aws.amazon.com/ses/latest/dg/receiving-email-permissions.html.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import ArnFormat, Stack

from ses_constructs._kit.stacks import can_name

if TYPE_CHECKING:
    from aws_cdk import aws_ses as ses
    from constructs import Construct, IConstruct


@dataclass(frozen=True)
class RuleArns:
    """The rules of a set, of which one alone cannot be meant: its name is known only after all that it needs."""

    rule_set: ses.IReceiptRuleSet
    of_set: str
    """Their ARNs as one pattern."""
    of_account: str
    """The ARNs of all rules of all sets."""

    @staticmethod
    def of(scope: Construct, rule_set: ses.IReceiptRuleSet) -> RuleArns:
        """Return the rules of *rule_set*."""

        def arn(name: str) -> str:
            form = ArnFormat.SLASH_RESOURCE_NAME
            stack = Stack.of(scope)
            return stack.format_arn(
                service="ses", resource="receipt-rule-set", resource_name=f"{name}:receipt-rule/*", arn_format=form
            )

        return RuleArns(rule_set, arn(rule_set.receipt_rule_set_name), arn("*"))

    def named_by(self, scope: Construct, resource: IConstruct) -> str:
        """Return the pattern for the policy of *resource*, which the rule *scope* uses.

        A resource in a stack of its own lets in all rules of this account and region: it comes before the rule, and so
        cannot name the set.
        """
        return self.of_set if can_name(scope, resource, self.rule_set, lambda: self.of_set) else self.of_account
