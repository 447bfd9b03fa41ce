"""What is read from SES, with answers of the shape that botocore knows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from ses_constructs.doctor.account import Account, AwsUnavailableError, Identity, read_view, view_ses

ACCOUNT = {"ProductionAccessEnabled": True, "SendingEnabled": True, "EnforcementStatus": "HEALTHY"}


@pytest.fixture
def client() -> Any:
    return boto3.client("sesv2", region_name="eu-west-1", aws_access_key_id="test", aws_secret_access_key="test")


@pytest.fixture
def ses(client: Any) -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def answer(**changes: Any) -> dict[str, Any]:
    return {
        "VerifiedForSendingStatus": True,
        "DkimAttributes": {
            "SigningEnabled": True,
            "Status": "SUCCESS",
            "Tokens": ["a", "b", "c"],
            "SigningHostedZone": "dkim.eu-south-1.amazonses.com",
            "SigningAttributesOrigin": "AWS_SES",
        },
        "MailFromAttributes": {
            "MailFromDomain": "Bounce.example.com",
            "MailFromDomainStatus": "PENDING",
            "BehaviorOnMxFailure": "USE_DEFAULT_VALUE",
        },
        **changes,
    }


def test_identity_and_account_are_read(client: Any, ses: Stubber) -> None:
    ses.add_response("get_email_identity", answer(), {"EmailIdentity": "example.com"})
    ses.add_response("get_account", {**ACCOUNT, "EnforcementStatus": "PROBATION"}, {})
    view = read_view(client, "example.com", "eu-west-1")
    assert view.failures == ()
    assert view.account == Account(enforcement="PROBATION")
    assert view.identity == Identity(
        name="example.com",
        dkim_tokens=("a", "b", "c"),
        dkim_zone="dkim.eu-south-1.amazonses.com",
        mail_from="bounce.example.com",
        mail_from_status="PENDING",
    )


def test_a_domain_above_stands_in_and_a_key_of_ones_own_is_known_as_such(client: Any, ses: Stubber) -> None:
    for name in ("a.mail.example.com", "mail.example.com"):
        ses.add_client_error("get_email_identity", "NotFoundException", expected_params={"EmailIdentity": name})
    own_key = {"SigningEnabled": True, "Status": "SUCCESS", "Tokens": ["s1"], "SigningAttributesOrigin": "EXTERNAL"}
    ses.add_response("get_email_identity", answer(DkimAttributes=own_key), {"EmailIdentity": "example.com"})
    ses.add_response("get_account", ACCOUNT, {})
    identity = read_view(client, "a.mail.example.com", "eu-west-1").identity
    assert identity is not None
    assert (identity.name, identity.has_own_key, identity.dkim_tokens) == ("example.com", True, ("s1",))


def test_an_unverified_identity_comes_with_the_reason(client: Any, ses: Stubber) -> None:
    unverified = answer(VerifiedForSendingStatus=False, VerificationInfo={"ErrorType": "HOST_NOT_FOUND"})
    del unverified["MailFromAttributes"]
    ses.add_response("get_email_identity", unverified, {"EmailIdentity": "example.com"})
    ses.add_response("get_account", ACCOUNT, {})
    identity = read_view(client, "example.com", "eu-west-1").identity
    assert identity is not None
    assert (identity.is_verified, identity.problem, identity.mail_from) == (False, "HOST_NOT_FOUND", None)


def test_what_may_not_be_read_does_not_keep_the_rest_from_being_read(client: Any, ses: Stubber) -> None:
    ses.add_client_error("get_email_identity", "AccessDeniedException", "not allowed")
    ses.add_response("get_account", {**ACCOUNT, "ProductionAccessEnabled": False}, {})
    view = read_view(client, "example.com", "eu-west-1")
    assert view.identity is None
    assert view.account == Account(is_out_of_sandbox=False)
    (failure,) = view.failures
    assert "not allowed" in failure


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"AWS_EC2_METADATA_DISABLED": "true"}, "no AWS credentials; --no-aws"),
        ({"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}, "no region is set; pass --region"),
        ({"AWS_PROFILE": "missing"}, "missing"),
    ],
)
def test_where_nothing_can_be_asked_it_is_said_what_to_do(
    environment: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(AwsUnavailableError, match=message):
        view_ses("example.com", None)
