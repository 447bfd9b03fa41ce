"""Contact lists, and unsubscribing from them.

See https://docs.aws.amazon.com/ses/latest/dg/sending-email-list-management.html and
https://docs.aws.amazon.com/ses/latest/dg/sending-email-subscription-management.html.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from ses_constructs.lab.server.errors import SesError, already_exists, invalid, not_found
from ses_constructs.lab.server.paging import page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ses_constructs.lab.server.hooks import Emulator
    from ses_constructs.lab.server.rest import Json, Request, Routes

_MAX_TOPICS = 20
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_STATUSES = ("OPT_IN", "OPT_OUT")
_IN_EVENTS = {"OPT_IN": "OptIn", "OPT_OUT": "OptOut"}


class ContactLists:
    """The contact list of each account and region (SES has one), with its contacts."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._lists: dict[tuple[str, str], dict[str, Json]] = defaultdict(dict)

    def routes(self) -> Routes:
        """Return what API v2 answers about them."""
        lists = "/v2/email/contact-lists"
        contacts = f"{lists}/{{}}/contacts"
        return {
            ("POST", lists): lambda it: self.create(it.body.get("ContactListName", ""), it.body),
            ("GET", lists): self._list_all,
            ("GET", f"{lists}/{{}}"): lambda it: _shown(self._find(it.parameters[0])),
            ("PUT", f"{lists}/{{}}"): lambda it: self.update(it.parameters[0], it.body),
            ("DELETE", f"{lists}/{{}}"): lambda it: self.delete(it.parameters[0]),
            ("POST", contacts): self._create_contact,
            ("POST", f"{contacts}/list"): self._list_contacts,
            ("GET", f"{contacts}/{{}}"): self._get_contact,
            ("PUT", f"{contacts}/{{}}"): self._update_contact,
            ("DELETE", f"{contacts}/{{}}"): self._delete_contact,
        }

    def create(self, name: str, definition: Mapping[str, Any]) -> None:
        """Make a list. :param definition: ``Topics``, ``Description`` and ``Tags``."""
        if not _NAME.fullmatch(name):
            raise invalid(f"Invalid contact list name <{name}>.")
        lists = self._lists[self._here]
        if name in lists:
            raise already_exists(f"List with name: {name}")
        if lists:
            raise SesError("LimitExceededException", "An account has one contact list in a region, and has it already.")
        now = int(time.time())
        lists[name] = {"ContactListName": name, "CreatedTimestamp": now, "Tags": [], "Contacts": {}}
        try:
            self.update(name, definition)
        except SesError:
            del lists[name]
            raise
        lists[name]["Tags"] = list(definition.get("Tags") or [])

    def update(self, name: str, definition: Mapping[str, Any]) -> None:
        """Change topics and description of a list."""
        contact_list = self._find(name)
        topics = list(definition.get("Topics") or [])
        if len(topics) > _MAX_TOPICS:
            raise invalid(f"A contact list has at most {_MAX_TOPICS} topics, got {len(topics)}.")
        for topic in topics:
            if topic.get("DefaultSubscriptionStatus") not in _STATUSES:
                raise invalid(f"The default status of topic <{topic.get('TopicName')}> must be OPT_IN or OPT_OUT.")
        contact_list["Topics"] = topics
        contact_list["LastUpdatedTimestamp"] = int(time.time())
        contact_list.pop("Description", None)
        if definition.get("Description"):
            contact_list["Description"] = definition["Description"]

    def delete(self, name: str) -> None:
        """Delete a list with its contacts."""
        self._find(name)
        del self._lists[self._here][name]

    def exists(self, name: str) -> bool:
        """Whether there is a list."""
        return name in self._lists[self._here]

    def takes(self, name: str, topic: str | None, address: str) -> bool:
        """Whether an address takes mail on a topic, or any mail; one that is not known becomes a contact.

        :raises SesError: if list or topic are not there.
        """
        contact_list = self._find(name)
        _check_topics(contact_list, [topic] if topic is not None else [])
        contact = contact_list["Contacts"].setdefault(address, _new_contact(address, {}))
        return not contact["UnsubscribeAll"] and (topic is None or _statuses(contact_list, contact)[topic] == "OPT_IN")

    def unsubscribe(self, name: str, topic: str | None, address: str) -> Json:
        """Take a contact off a topic or off everything, and return what a Subscription event tells of it."""
        contact_list = self._find(name)
        contact = contact_list["Contacts"].setdefault(address, _new_contact(address, {}))
        before = _in_event(contact)
        if topic is None:
            contact["UnsubscribeAll"] = True
        else:
            kept = [it for it in contact["TopicPreferences"] if it["TopicName"] != topic]
            contact["TopicPreferences"] = [*kept, {"TopicName": topic, "SubscriptionStatus": "OPT_OUT"}]
        contact["LastUpdatedTimestamp"] = int(time.time())
        return {"contactList": name, "newTopicPreferences": _in_event(contact), "oldTopicPreferences": before}

    @property
    def _here(self) -> tuple[str, str]:
        return self._emulator.account, self._emulator.region

    def _find(self, name: str) -> Json:
        found = self._lists[self._here].get(name)
        if found is None:
            raise not_found(f"List with name: {name}")
        return found

    def _list_all(self, request: Request) -> Json:
        names = ("ContactListName", "LastUpdatedTimestamp")
        found = [{name: it[name] for name in names} for it in self._lists[self._here].values()]
        return page("ContactLists", found, request)

    def _create_contact(self, request: Request) -> None:
        contact_list = self._find(request.parameters[0])
        address = request.body.get("EmailAddress", "")
        if "@" not in address:
            raise invalid(f"Invalid email address <{address}>.")
        if address in contact_list["Contacts"]:
            raise already_exists(f"Contact with email address {address}")
        _check_topics(contact_list, [it["TopicName"] for it in request.body.get("TopicPreferences") or []])
        contact_list["Contacts"][address] = _new_contact(address, request.body)

    def _get_contact(self, request: Request) -> Json:
        contact_list, contact = self._contact(request)
        return {
            "ContactListName": contact_list["ContactListName"],
            **contact,
            "TopicDefaultPreferences": _defaults(contact_list),
        }

    def _update_contact(self, request: Request) -> None:
        contact_list, contact = self._contact(request)
        _check_topics(contact_list, [it["TopicName"] for it in request.body.get("TopicPreferences") or []])
        created = contact["CreatedTimestamp"]
        contact.update(_new_contact(contact["EmailAddress"], request.body), CreatedTimestamp=created)

    def _delete_contact(self, request: Request) -> None:
        contact_list, contact = self._contact(request)
        del contact_list["Contacts"][contact["EmailAddress"]]

    def _list_contacts(self, request: Request) -> Json:
        contact_list = self._find(request.parameters[0])
        hidden = ("CreatedTimestamp", "AttributesData")
        wanted = request.body.get("Filter") or {}
        topic = (wanted.get("TopicFilter") or {}).get("TopicName")
        found = []
        for contact in contact_list["Contacts"].values():
            statuses = _statuses(contact_list, contact)
            status = statuses.get(topic) if topic else "OPT_OUT" if contact["UnsubscribeAll"] else "OPT_IN"
            if wanted.get("FilteredStatus") in (None, status):
                shown = {name: value for name, value in contact.items() if name not in hidden}
                found.append({**shown, "TopicDefaultPreferences": _defaults(contact_list)})
        return page("Contacts", found, request)

    def _contact(self, request: Request) -> tuple[Json, Json]:
        name, address = request.parameters
        contact_list = self._find(name)
        contact = contact_list["Contacts"].get(address)
        if contact is None:
            raise not_found(f"Contact with email address {address}")
        return contact_list, contact


def _shown(contact_list: Json) -> Json:
    return {name: value for name, value in contact_list.items() if name != "Contacts"}


def _new_contact(address: str, preferences: Mapping[str, Any]) -> Json:
    now = int(time.time())
    contact: Json = {
        "EmailAddress": address,
        "TopicPreferences": list(preferences.get("TopicPreferences") or []),
        "UnsubscribeAll": bool(preferences.get("UnsubscribeAll")),
        "CreatedTimestamp": now,
        "LastUpdatedTimestamp": now,
    }
    if preferences.get("AttributesData"):
        contact["AttributesData"] = preferences["AttributesData"]
    return contact


def _check_topics(contact_list: Json, topics: list[str]) -> None:
    known = {it["TopicName"] for it in contact_list["Topics"]}
    for topic in topics:
        if topic not in known:
            raise invalid(f"Topic <{topic}> is not in contact list <{contact_list['ContactListName']}>.")


def _defaults(contact_list: Json) -> list[Json]:
    return [
        {"TopicName": it["TopicName"], "SubscriptionStatus": it["DefaultSubscriptionStatus"]}
        for it in contact_list["Topics"]
    ]


def _statuses(contact_list: Json, contact: Json) -> dict[str, str]:
    """Return the status of each topic: the contact's own, or the list's default."""
    preferences = [*_defaults(contact_list), *contact["TopicPreferences"]]
    return {it["TopicName"]: it["SubscriptionStatus"] for it in preferences}


def _in_event(contact: Json) -> Json:
    return {
        "unsubscribeAll": contact["UnsubscribeAll"],
        "topicSubscriptionStatus": [
            {"topicName": it["TopicName"], "subscriptionStatus": _IN_EVENTS[it["SubscriptionStatus"]]}
            for it in contact["TopicPreferences"]
        ],
    }
