"""An identity and its default configuration set go together: SES refuses mail with a set that is not there.

See https://docs.aws.amazon.com/ses/latest/dg/managing-configuration-sets-default-adding.html.
"""

from aws_cdk import Annotations, RemovalPolicy
from aws_cdk import aws_ses as ses
from constructs import Construct


def check_default_set(
    scope: Construct, configuration_set: ses.IConfigurationSet | None, removal_policy: RemovalPolicy
) -> None:
    """Warn of a set that goes when the identity stays. Only this library's sets say what becomes of them."""
    of_the_set = getattr(configuration_set, "removal_policy", None)
    if of_the_set is RemovalPolicy.DESTROY and removal_policy is not RemovalPolicy.DESTROY:
        Annotations.of(scope).add_warning_v2(
            "ses-constructs:defaultSetDestroyed",
            "The identity is kept when it leaves the stack, and its default configuration set is not: SES then refuses "
            "all its mail that names no other set. Give both the same removal_policy.",
        )
