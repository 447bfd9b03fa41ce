"""A boto3 session that talks to the lab. Apart from :mod:`lab`, because boto3 is slow to load."""

import os
from typing import Any

import boto3
import botocore.config
import botocore.session

from ses_constructs.lab.environment import ACCESS_KEY_ID, SECRET_ACCESS_KEY


class _LabSession(boto3.Session):
    """Every client and resource gets the lab's endpoint."""

    _endpoint_url: str

    def client(self, *arguments: Any, **options: Any) -> Any:
        return super().client(*arguments, **{"endpoint_url": self._endpoint_url, **options})

    def resource(self, *arguments: Any, **options: Any) -> Any:
        return super().resource(*arguments, **{"endpoint_url": self._endpoint_url, **options})


def lab_session(endpoint_url: str, region: str) -> boto3.Session:
    """Return a session that takes nothing from the user's configuration files and goes through no proxy."""
    core = botocore.session.get_session()
    core.set_config_variable("config_file", os.devnull)
    core.set_config_variable("credentials_file", os.devnull)
    core.set_default_client_config(botocore.config.Config(proxies={}))
    session = _LabSession(ACCESS_KEY_ID, SECRET_ACCESS_KEY, region_name=region, botocore_session=core)
    session._endpoint_url = endpoint_url
    return session
