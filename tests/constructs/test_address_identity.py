from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam

from ses_constructs import EmailAddressIdentity, SendingConfigurationSet
from tests.constructs.support import synthesise, text


def test_an_address_is_kept_as_it_is_written_and_outlives_the_stack() -> None:
    def define(stack: cdk.Stack) -> None:
        EmailAddressIdentity(stack, "Identity", address="First.Last+news@Example.com")

    resource = synthesise(define).only("AWS::SES::EmailIdentity")
    assert resource["Properties"]["EmailIdentity"] == "First.Last+news@Example.com"
    assert resource["Properties"]["FeedbackAttributes"] == {"EmailForwardingEnabled": False}
    assert "DkimSigningAttributes" not in resource["Properties"]
    assert resource["DeletionPolicy"] == "RetainExceptOnCreate"


def test_options_change_what_they_say() -> None:
    def define(stack: cdk.Stack) -> None:
        EmailAddressIdentity(
            stack,
            "Identity",
            address="hello@example.com",
            configuration_set=SendingConfigurationSet(stack, "Set", configuration_set_name="news"),
            feedback_forwarding=True,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )

    resource = synthesise(define).only("AWS::SES::EmailIdentity")
    assert text(resource["Properties"]["ConfigurationSetAttributes"]["ConfigurationSetName"]).startswith("${Set")
    assert resource["Properties"]["FeedbackAttributes"] == {"EmailForwardingEnabled": True}
    assert resource["DeletionPolicy"] == "Delete"


def test_an_address_known_only_at_deployment_is_let_through(stack: cdk.Stack) -> None:
    EmailAddressIdentity(stack, "Identity", address=cdk.CfnParameter(stack, "Address").value_as_string)


def test_grant_send_covers_the_address_and_its_default_set() -> None:
    def define(stack: cdk.Stack) -> None:
        default = SendingConfigurationSet(stack, "Set", configuration_set_name="news")
        identity = EmailAddressIdentity(stack, "Identity", address="hello@example.com", configuration_set=default)
        identity.grant_send(iam.User(stack, "Sender"))

    (statement,) = synthesise(define).properties("AWS::IAM::Policy")["PolicyDocument"]["Statement"]
    resources = [text(resource) for resource in statement["Resource"]]
    assert [resource.rpartition(":")[2].partition("/")[0] for resource in resources] == [
        "identity",
        "configuration-set",
    ]


@pytest.mark.parametrize(
    ("address", "rule"),
    [
        ("example.com", "bare address"),
        ("@example.com", "bare address"),
        ("Hello <hello@example.com>", "bare address"),
        ("a b@example.com", "bare address"),
        (".a@example.com", "bare address"),
        ("a..b@example.com", "bare address"),
        ("bücher@example.com", "bare address"),
        (f"{'a' * 65}@example.com", "bare address"),
        ("hello@localhost", "at least two labels"),
        ("hello@example.com.", "final dot"),
        (None, "email address"),
    ],
)
def test_a_malformed_address_is_refused(stack: cdk.Stack, address: Any, rule: str) -> None:
    with pytest.raises(ValueError, match=rule) as refused:
        EmailAddressIdentity(stack, "Identity", address=address)
    assert str(refused.value).startswith("Mail/Identity: address ")
    assert repr(address) in str(refused.value)
