"""Requests of CloudFormation for the kinds of custom resources that call SES, which is then a lab's."""

import time
from typing import Any

import pytest

from custom_resources import ses
from ses_common.lifecycle import Request
from ses_constructs.lab import Lab

Json = dict[str, Any]


def request(properties: Json, *, physical_id: str = "", old: Json | None = None, seconds: float = 10) -> Request:
    kind = "Create" if not physical_id else "Update"
    return Request(kind, physical_id, properties, old if old is not None else {}, time.monotonic() + seconds)


def use(lab: Lab, monkeypatch: pytest.MonkeyPatch, region: str | None = None) -> Any:
    """Let the kinds talk to a lab; returns the client of API v2."""
    v1, v2 = (lab.session().client(name, region_name=region) for name in ("ses", "sesv2"))
    monkeypatch.setattr(ses, "v1", lambda: v1)
    monkeypatch.setattr(ses, "v2", lambda: v2)
    monkeypatch.setenv("AWS_REGION", region or lab.region)
    return v2
