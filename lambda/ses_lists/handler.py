"""Changes of the suppression ledger from a queue, to SES's account suppression list or to a contact list.

SES takes one such call a second in an account and region: https://docs.aws.amazon.com/ses/latest/dg/quotas.html. This
function takes its time, therefore, and has a queue of its own.

Environment: ``TABLE_NAME``, ``SECONDS_A_CALL``, ``CONTACT_LIST_NAME`` (missing for the account's suppression list), and
what :mod:`ses_common.changes` reads.
"""

from __future__ import annotations

import logging
import os
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ses_common.changes import TryAgain, work
from ses_common.settings import variable
from ses_lists.lists import AccountList, ContactList, Ses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sesv2 import SESV2Client

logger = logging.getLogger("ses_constructs.ses_lists")
logger.setLevel(logging.INFO)

_CONFIG = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3})
# Each attempt counts against the one call a second, so what fails is tried again by the queue.
_ONE_ATTEMPT = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 1})


class DynamoDBLedger:
    """The ledger, read such that it is never behind the change."""

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        self._client = client
        self._table_name = table_name

    def read(self, address: str) -> Mapping[str, Any] | None:
        """Return the texts and truth values of the item."""
        key: Any = {"address": {"S": address}, "scope": {"S": "account"}}
        try:
            answer = self._client.get_item(TableName=self._table_name, Key=key, ConsistentRead=True)
        except ClientError as error:
            raise TryAgain(error.response["Error"]["Code"]) from None
        except BotoCoreError as error:
            raise TryAgain(type(error).__name__) from None
        if "Item" not in answer:
            return None
        return {
            name: next(iter(value.values())) for name, value in answer["Item"].items() if {"S", "BOOL"} & value.keys()
        }


def handler(event: Mapping[str, Any], context: object) -> dict[str, list[dict[str, str]]]:
    """Bring the list in step with the ledger for each address in a batch.

    :raises RuntimeError: if a variable of the environment is missing.
    """
    metric = "ContactList" if "CONTACT_LIST_NAME" in os.environ else "AccountList"
    return work(event, _list().settle, metric=metric, logger=logger)


@cache
def _list() -> AccountList | ContactList:
    """Kept between batches, and with it the moment of the last call to SES."""
    ses = Ses(_ses(), float(variable("SECONDS_A_CALL")))
    ledger = DynamoDBLedger(_dynamodb(), variable("TABLE_NAME"))
    name = os.environ.get("CONTACT_LIST_NAME")
    return ContactList(ses, ledger, name) if name else AccountList(ses, ledger)


def _ses() -> SESV2Client:
    return cast("SESV2Client", botocore.session.get_session().create_client("sesv2", config=_ONE_ATTEMPT))


def _dynamodb() -> DynamoDBClient:
    return cast("DynamoDBClient", botocore.session.get_session().create_client("dynamodb", config=_CONFIG))
