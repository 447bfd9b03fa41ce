"""Pools of dedicated addresses."""

from typing import Any

import pytest
from aws_cdk import RemovalPolicy
from aws_cdk import aws_ses as ses

from ses_constructs import DedicatedIpPool
from tests.constructs.support import Synthesised, synthesise

MANAGED, STANDARD = ses.ScalingMode.MANAGED, ses.ScalingMode.STANDARD


def defined(mode: ses.ScalingMode, **given: Any) -> Synthesised:
    return synthesise(lambda stack: DedicatedIpPool(stack, "Pool", scaling_mode=mode, **given))


@pytest.mark.parametrize("mode", [MANAGED, STANDARD])
def test_the_pool_has_its_mode_and_name(mode: ses.ScalingMode) -> None:
    pool = defined(mode, dedicated_ip_pool_name="news").properties("AWS::SES::DedicatedIpPool")
    assert pool == {"PoolName": "news", "ScalingMode": mode.name}


def test_a_mode_must_be_chosen(stack: Any) -> None:
    with pytest.raises(TypeError, match="scaling_mode"):
        DedicatedIpPool(stack, "Pool")  # type: ignore[call-arg]  # what this test is about


def test_another_mode_is_another_pool_since_ses_has_no_way_back() -> None:
    managed, standard = (set(defined(mode).resources("AWS::SES::DedicatedIpPool")) for mode in (MANAGED, STANDARD))
    assert managed.isdisjoint(standard)
    assert managed == set(defined(MANAGED).resources("AWS::SES::DedicatedIpPool"))


def test_a_pool_is_kept_with_the_reputation_of_its_addresses_unless_told_otherwise() -> None:
    for mode in (MANAGED, STANDARD):
        assert defined(mode).only("AWS::SES::DedicatedIpPool")["DeletionPolicy"] == "RetainExceptOnCreate"
    gone = defined(MANAGED, removal_policy=RemovalPolicy.DESTROY).only("AWS::SES::DedicatedIpPool")
    assert gone["DeletionPolicy"] == "Delete"
