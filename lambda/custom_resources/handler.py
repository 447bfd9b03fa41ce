"""The function behind every custom resource of a stack."""

from collections.abc import Mapping
from typing import Any

from custom_resources.buckets import EmptyBuckets
from custom_resources.identities import EmailIdentities
from custom_resources.notifications import IdentityNotifications
from custom_resources.policies import IdentityPolicies
from custom_resources.records import IdentityRecords
from custom_resources.rule_sets import ActiveReceiptRuleSets
from custom_resources.shared_spf import SpfTerms
from custom_resources.verification import Verifications
from ses_common.lifecycle import Kind, respond

KINDS: Mapping[str, Kind] = {
    "SesActiveReceiptRuleSet": ActiveReceiptRuleSets(),
    "SesEmailIdentity": EmailIdentities(),
    "SesEmptyBucket": EmptyBuckets(),
    "SesIdentityNotifications": IdentityNotifications(),
    "SesIdentityPolicy": IdentityPolicies(),
    "SesRecords": IdentityRecords(),
    "SesSpfTerm": SpfTerms(),
    "SesVerification": Verifications(),
}


def handler(event: Mapping[str, Any], context: Any) -> None:
    """Carry out one request of CloudFormation."""
    respond(event, context, KINDS)
