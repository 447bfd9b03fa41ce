"""What SES accepts as options of a configuration set.

See https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ses-configurationset.html.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from aws_cdk import RemovalPolicy
from aws_cdk import aws_ses as ses

from ses_constructs._kit.checks import domain_problem, fail, is_token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import Duration
    from constructs import Construct

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_ARCHIVE = re.compile(r"arn:[^:]+:ses:[^:]+:\d{12}:mailmanager-archive/[^/]+")
# https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_DeliveryOptions.html
_SHORTEST, _LONGEST = 300, 50_400
_REASONS = {
    frozenset({"BOUNCE"}): ses.SuppressionReasons.BOUNCES_ONLY,
    frozenset({"COMPLAINT"}): ses.SuppressionReasons.COMPLAINTS_ONLY,
    frozenset({"BOUNCE", "COMPLAINT"}): ses.SuppressionReasons.BOUNCES_AND_COMPLAINTS,
}


def check_name(scope: Construct, parameter: str, name: str | None, *, id: str | None = None) -> None:
    """Refuse what cannot be the name of a configuration set or of a template."""
    if name is not None and not is_token(name) and not _NAME.fullmatch(name):
        fail(scope, parameter, "must be 1 to 64 letters, digits, _ and -", name, id=id)


def check_options(
    scope: Construct,
    id: str,
    *,
    max_delivery_duration: Duration | None,
    suppression_reasons: Sequence[str] | None,
    tracking_domain: str | None,
    tracking_https_policy: ses.HttpsPolicy | None,
    archive_arn: str | None,
    removal_policy: RemovalPolicy,
) -> None:
    """Refuse what SES would refuse. For the parameters see :class:`SendingConfigurationSet`."""
    refuse = partial(fail, scope, id=id)
    if max_delivery_duration is not None and not max_delivery_duration.is_unresolved():
        milliseconds = max_delivery_duration.to_milliseconds()
        if milliseconds % 1000 or not _SHORTEST <= milliseconds / 1000 <= _LONGEST:
            rule = "must be whole seconds, from 5 minutes to 14 hours"
            refuse("max_delivery_duration", rule, max_delivery_duration.to_human_string())
    reasons = suppression_reasons
    if reasons is not None and (isinstance(reasons, str) or not {"BOUNCE", "COMPLAINT"}.issuperset(reasons)):
        refuse("suppression_reasons", "must be a list of BOUNCE and COMPLAINT", reasons)
    if tracking_domain is None and tracking_https_policy is not None:
        refuse("tracking_https_policy", "is for a tracking_domain, and there is none", tracking_https_policy.name)
    if tracking_domain is not None and not is_token(tracking_domain):
        problem = domain_problem(tracking_domain)
        if problem is not None:
            refuse("tracking_domain", problem, tracking_domain)
    if archive_arn is not None and not is_token(archive_arn) and not _ARCHIVE.fullmatch(archive_arn):
        refuse("archive_arn", "must be the ARN of a Mail Manager archive", archive_arn)
    if removal_policy is RemovalPolicy.SNAPSHOT:
        refuse("removal_policy", "must be to retain or to destroy: there are no snapshots", removal_policy.name)


def suppression(reasons: Sequence[str] | None) -> dict[str, Any]:
    """Return what the CDK's configuration set takes, where no reasons and the account's are two things."""
    if reasons is None:
        return {}
    return {"suppression_reasons": _REASONS[frozenset(reasons)]} if reasons else {"disable_suppression_list": True}


def auto_validation(threshold: ses.AutoValidationThreshold | bool | None) -> dict[str, Any]:
    """Return what the CDK's configuration set takes."""
    if threshold is None:
        return {}
    if isinstance(threshold, bool):
        return {"disable_auto_validation": not threshold}
    return {"auto_validation_threshold": threshold}


def vdm(engagement_metrics: bool | None, optimized_shared_delivery: bool | None) -> dict[str, Any]:
    """Return what the CDK's configuration set takes."""
    if engagement_metrics is None and optimized_shared_delivery is None:
        return {}
    return {
        "vdm_options": ses.VdmOptions(
            engagement_metrics=engagement_metrics, optimized_shared_delivery=optimized_shared_delivery
        )
    }
