"""What the functions for DNS do when Route 53 and STS say no: again for a while, and then a sentence that helps."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from custom_resources import zones
from ses_common.lifecycle import Refused

NAME = "example.com."


class Route53:
    """Answers with what is given, in turn; the last answer stays."""

    def __init__(self, *refusals: str) -> None:
        self._refusals = list(refusals)
        self.batches: list[Any] = []

    def list_resource_record_sets(self, **arguments: Any) -> dict[str, Any]:
        return {"ResourceRecordSets": []}

    def change_resource_record_sets(self, *, ChangeBatch: Any, **arguments: Any) -> None:
        self.batches.append(ChangeBatch)
        if self._refusals:
            code = self._refusals.pop(0) if len(self._refusals) > 1 else self._refusals[0]
            if code != "fine":
                raise error(code)


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": f"it was {code}"}}, "ChangeResourceRecordSets")


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Time that passes only in pauses."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    return iter([now])


def add(route53: Route53, deadline: float = 1060.0) -> None:
    zones.RecordSets(route53, "Z1").change_txt(NAME, lambda values: [*values, '"one"'], deadline)


@pytest.mark.parametrize("code", ["Throttling", "PriorRequestNotComplete", "InvalidChangeBatch", "AccessDenied"])
def test_a_passing_refusal_is_tried_again(code: str) -> None:
    route53 = Route53(code, code, "fine")
    add(route53)
    assert len(route53.batches) == 3


@pytest.mark.parametrize(
    ("code", "sentence", "most"),
    [
        ("InvalidChangeBatch", "Route 53 refused to change the hosted zone Z1: it was InvalidChangeBatch", 5),
        ("AccessDenied", "the hosted zone Z1 may not be changed", 21),
        ("Throttling", "Route 53 refused", 61),
        ("NoSuchHostedZone", "there is no hosted zone Z1", 1),
    ],
)
def test_a_lasting_refusal_ends_in_a_sentence_and_in_bounded_time(code: str, sentence: str, most: int) -> None:
    route53 = Route53(code)
    with pytest.raises(Refused, match=sentence):
        add(route53)
    assert len(route53.batches) <= most


def test_a_role_that_is_not_known_everywhere_yet_is_tried_again_and_then_explained() -> None:
    class Sts:
        calls = 0

        def assume_role(self, **arguments: Any) -> dict[str, Any]:
            self.calls += 1
            if self.calls < 3:
                raise error("AccessDenied")
            return {"Credentials": {"AccessKeyId": "k"}}

    sts = Sts()
    assert zones._assumed(sts, "arn:role") == {"AccessKeyId": "k"}
    sts.calls = -100
    with pytest.raises(Refused, match="the role arn:role cannot be assumed: let its trust policy name this account"):
        zones._assumed(sts, "arn:role")
