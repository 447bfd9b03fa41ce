"""SES's own lists, and what the ledger means for them.

The ledger is read when its change is dealt with, and not what the change said of it: then neither order nor copies of
changes matter.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from ses_common.addresses import spellings
from ses_common.changes import TryAgain
from ses_common.envelope import Unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sesv2.literals import SuppressionListReasonType

    from ses_common.changes import Change

    Attributes = Mapping[str, Any]

_SETTLES_WITHIN = 5  # readings of an item that changes all the time
_PASSING = frozenset(
    {"TooManyRequestsException", "ThrottlingException", "Throttling", "ConcurrentModificationException"}
)
# The ledger's reasons in SES's words, of which there are two.
_IN_SES_WORDS: Mapping[str, SuppressionListReasonType] = {
    "BOUNCE": "BOUNCE",
    "SOFT_BOUNCE": "BOUNCE",
    "COMPLAINT": "COMPLAINT",
}
_OFF: Final = "(off)"
_AS_IT_IS: Final = "(as it is)"


class Ledger(Protocol):
    """Who must not be mailed."""

    def read(self, address: str) -> Attributes | None:
        """Return the item of *address* for the whole account as it is now."""


class Ses:
    """SES at the pace that it allows."""

    def __init__(self, client: SESV2Client, seconds_a_call: float) -> None:
        self._client = client
        self._seconds = seconds_a_call
        self._last = -seconds_a_call

    def call(self, operation: Callable[[SESV2Client], Any]) -> Any:
        """Return the answer, or None if SES does not have what it was asked for.

        :raises TryAgain: if SES is busy or cannot be reached.
        :raises Unusable: if SES refuses.
        """
        time.sleep(max(0.0, self._last + self._seconds - time.monotonic()))
        try:
            return operation(self._client)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "NotFoundException":
                return None
            if code in _PASSING or error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                raise TryAgain(code) from None
            # Without SES's message, which may name the address.
            detail = f"SES refused with {code}. In the sandbox an account cannot manage its suppression list."
            raise Unusable("RefusedBySes", detail) from None
        except BotoCoreError as error:
            raise TryAgain(type(error).__name__) from None
        finally:
            self._last = time.monotonic()


class AccountList:
    """The account's suppression list: what the ledger suppresses is on it, what is lifted or has healed is not.

    Only what the ledger had suppressed for a bounce or complaint is ever taken off: SES's list may hold more than the
    ledger knows. Opt-outs and reasons of the user's own are not put there, since SES would call them bounces. Echoes
    come from the list, so they are on it.
    """

    def __init__(self, ses: Ses, ledger: Ledger) -> None:
        self._ses = ses
        self._ledger = ledger

    def settle(self, change: Change) -> None:
        """Bring the list in step, and look again afterwards.

        Two functions may be at work on one address. Whichever calls SES last sees the ledger as it was after that call,
        or calls again, so the list ends as the ledger does.
        """
        address = change.detail["address"]
        # Also what the change itself put there: it may be tried again when it has done so, and meanwhile be history.
        ours = any(
            told.get("status") == "SUPPRESSED" and told.get("reason") in _IN_SES_WORDS
            for told in (change.detail, change.detail.get("previous") or {})
        )
        item = self._ledger.read(address)
        for _ in range(_SETTLES_WITHIN):
            wanted = _verdict(item)
            original = str(
                (item or change.detail).get("original_address") or change.detail.get("originalAddress") or ""
            )
            if wanted in _IN_SES_WORDS:
                for spelling in spellings(original, address):
                    self._put(spelling, _IN_SES_WORDS[wanted])
                ours = True
            elif wanted == _OFF and ours:
                for spelling in spellings(original, address):
                    self._delete(spelling)
            else:
                return
            item = self._ledger.read(address)
            if _verdict(item) == wanted:
                return
        raise TryAgain("LedgerKeepsChanging")

    def _put(self, address: str, reason: SuppressionListReasonType) -> None:
        self._ses.call(lambda ses: ses.put_suppressed_destination(EmailAddress=address, Reason=reason))

    def _delete(self, address: str) -> None:
        self._ses.call(lambda ses: ses.delete_suppressed_destination(EmailAddress=address))


class ContactList:
    """A contact list, from which suppressed addresses go.

    A contact who opted out stays: the opt-out is kept nowhere else, and SES makes a contact that it does not know anew,
    as one who wants mail. Nobody is put back when an address is restored.
    """

    def __init__(self, ses: Ses, ledger: Ledger, name: str) -> None:
        self._ses = ses
        self._ledger = ledger
        self._name = name
        self._is_there = False

    def settle(self, change: Change) -> None:
        """Delete the contact if its address is suppressed."""
        address = change.detail["address"]
        item = self._ledger.read(address)
        if item is None or item.get("status") != "SUPPRESSED":
            return
        for spelling in spellings(str(item.get("original_address", "")), address):
            contact = self._ses.call(self._get(spelling))
            if contact is None:
                self._check_list()
            if contact is not None and not _opted_out(contact):
                self._ses.call(self._delete(spelling))

    def _check_list(self) -> None:
        """Tell a contact that is not there from a list that is not, for which SES has the same code."""
        if self._is_there:
            return
        if self._ses.call(lambda ses: ses.get_contact_list(ContactListName=self._name)) is None:
            raise Unusable("NoContactList", "SES has no contact list of the name set.")
        self._is_there = True

    def _get(self, address: str) -> Callable[[SESV2Client], Any]:
        return lambda ses: ses.get_contact(ContactListName=self._name, EmailAddress=address)

    def _delete(self, address: str) -> Callable[[SESV2Client], Any]:
        return lambda ses: ses.delete_contact(ContactListName=self._name, EmailAddress=address)


def _verdict(item: Attributes | None) -> str:
    """Return the reason for which the address is to be on SES's list, or that it is to be off it, or left as it is."""
    if item is None or item.get("status") != "SUPPRESSED":
        return _OFF
    reason = str(item.get("reason"))
    return reason if reason in _IN_SES_WORDS and not item.get("echo") else _AS_IT_IS


def _opted_out(contact: Attributes) -> bool:
    return bool(contact.get("UnsubscribeAll")) or any(
        preference["SubscriptionStatus"] == "OPT_OUT" for preference in contact.get("TopicPreferences", [])
    )
