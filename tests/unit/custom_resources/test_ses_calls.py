import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from custom_resources import ses
from custom_resources.verification import explain


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "sleep", self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Refusing:
    """A call that fails with one code after the other, and then succeeds."""

    def __init__(self, *codes: str) -> None:
        self._codes = list(codes)
        self.calls = 0

    def __call__(self, **arguments: Any) -> str:
        self.calls += 1
        if self._codes:
            error: Any = {"Error": {"Code": self._codes.pop(0), "Message": "no"}}
            raise ClientError(error, "Operation")
        return "done"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.mark.parametrize("code", ["TooManyRequestsException", "Throttling", "ConcurrentModificationException"])
def test_a_throttled_call_is_made_again_but_not_at_once(clock: Clock, code: str) -> None:
    method = Refusing(code, code, code)
    assert ses.call(method, deadline=60) == "done"
    assert method.calls == 4
    assert clock.now >= 1.5


def test_a_call_that_stays_throttled_ends_by_the_deadline(clock: Clock) -> None:
    with pytest.raises(ClientError, match="TooManyRequests"):
        ses.call(Refusing(*["TooManyRequestsException"] * 1000), deadline=60)
    assert 50 <= clock.now <= 60


def test_a_permission_that_is_on_its_way_is_waited_for_but_not_for_long(clock: Clock) -> None:
    assert ses.call(Refusing("AccessDeniedException"), deadline=600) == "done"
    with pytest.raises(ClientError, match="AccessDenied"):
        ses.call(Refusing(*["AccessDeniedException"] * 1000), deadline=600)
    assert clock.now <= 25


def test_what_ses_refuses_is_not_tried_again(clock: Clock) -> None:
    method = Refusing("BadRequestException")
    with pytest.raises(ClientError, match="BadRequest"):
        ses.call(method, deadline=60)
    assert method.calls == 1


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (None, "SES has not seen its DKIM records yet"),
        ("HOST_NOT_FOUND", "there is no record of such a name"),
        ("INVALID_VALUE", "has another value"),
        ("REPLICATION_PRIMARY_NOT_FOUND", "no such identity in the parent region"),
        ("SOMETHING_NEW", "see the SES console (SOMETHING_NEW)"),
    ],
)
def test_a_wait_in_vain_says_what_ses_has_seen(error: str | None, words: str) -> None:
    info = {"ErrorType": error, "SOARecord": {"PrimaryNameServer": "ns1.example.net"}} if error else {}
    said = explain("example.com", {"VerificationInfo": info, "DkimAttributes": {"Status": "PENDING"}}, "eu-west-1")
    assert words in said
    assert ("ns1.example.net" in said) is (error is not None)


def test_a_wait_in_vain_names_the_records_where_ses_says_their_zone() -> None:
    dkim = {"Status": "PENDING", "Tokens": ["abc"], "SigningHostedZone": "dkim.eu-south-1.amazonses.com"}
    said = explain("example.com", {"DkimAttributes": dkim}, "eu-south-1")
    assert "CNAME abc._domainkey.example.com abc.dkim.eu-south-1.amazonses.com" in said
    own = {"Tokens": ["k2026"], "SigningAttributesOrigin": "EXTERNAL"}
    assert "TXT k2026._domainkey.example.com" in explain("example.com", {"DkimAttributes": own}, "eu-south-1")


def test_an_address_waits_for_a_person() -> None:
    assert "must open the link" in explain("hello@example.com", {}, "eu-west-1")
