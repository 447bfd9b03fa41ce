"""Opens and clicks: links that lead through SES, and a picture of one pixel.

See https://docs.aws.amazon.com/ses/latest/dg/configure-custom-open-click-domains.html and
https://docs.aws.amazon.com/ses/latest/dg/faqs-metrics.html.
"""

from __future__ import annotations

import html
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from ses_constructs.lab.server.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ses_constructs.lab.server.mime import Mime

# https://docs.aws.amazon.com/ses/latest/dg/faqs-metrics.html
_MAX_LINKS = 250
_PLACEHOLDER = "{{ses:openTracker}}"
_UNSUBSCRIBE = "{{amazonSESUnsubscribeUrl}}"
_LINK = re.compile(r"""<a\b(?:[^>"']|"[^"]*"|'[^']*')*>""", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""\s+([\w:-]+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s>"']+))?""")
_BODY_END = re.compile(r"</body\s*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Tracked:
    """What a link stands for.

    :param link: where a link of the message leads to; None for the pixel.
    :param contact: list, topic and address that an unsubscribe link takes off the list.
    """

    message_id: str
    link: str | None = None
    tags: dict[str, list[str]] | None = None
    contact: tuple[str, str | None, str] | None = None


class Tracking:
    """Makes tracking links, and knows what they stand for."""

    def __init__(self, endpoint_url: str) -> None:
        """:param endpoint_url: of the lab, which serves the links of sets that have no domain of their own."""
        self._endpoint_url = endpoint_url
        self._tracked: dict[str, Tracked] = {}

    def rewrite(self, message: Mime, message_id: str, options: Mapping[str, Any], *, opens: bool, clicks: bool) -> None:
        """Put tracking into the HTML of a message.

        :param options: the TrackingOptions of the configuration set.
        :raises SesError: for more than one place for the pixel.
        """
        message.change_text("html", lambda text: self._tracked_html(text, message_id, options, opens, clicks))

    def add_unsubscribe_links(
        self, message: Mime, message_id: str, contact_list: tuple[str, str | None], address: str
    ) -> None:
        """Put the List-Unsubscribe headers of RFC 8058 on a message, and links where its texts ask for them."""
        token = self._token(Tracked(message_id, contact=(*contact_list, address)))
        url = f"{self._endpoint_url}/U0/{message_id}/{token}"
        for name, value in (
            ("List-Unsubscribe", f"<{url}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ):
            del message.message[name]
            message.message[name] = value
        for subtype in ("html", "plain"):
            message.change_text(subtype, lambda text: text.replace(_UNSUBSCRIBE, url))

    def find(self, token: str) -> Tracked | None:
        """Return what a link stands for."""
        return self._tracked.get(token)

    def _tracked_html(self, text: str, message_id: str, options: Mapping[str, Any], opens: bool, clicks: bool) -> str:
        if text.count(_PLACEHOLDER) > 1:
            raise invalid(f"The message has more than one {_PLACEHOLDER}.")
        if clicks:
            links = 0

            def tracked_link(match: re.Match[str]) -> str:
                nonlocal links
                links += 1
                return self._tracked_link(match[0], message_id, options, links)

            text = _LINK.sub(tracked_link, text)
        if not opens:
            return text.replace(_PLACEHOLDER, "")
        token = self._token(Tracked(message_id))
        scheme = "http" if options.get("HttpsPolicy", "OPTIONAL") == "OPTIONAL" else "https"
        source = f"{self._host(options, scheme)}/I0/{message_id}/{token}"
        pixel = f'<img alt="" src="{source}" style="display: none; width: 1px; height: 1px;">'
        if _PLACEHOLDER in text:
            return text.replace(_PLACEHOLDER, pixel)
        ends = list(_BODY_END.finditer(text))
        end = ends[-1].start() if ends else len(text)
        return f"{text[:end]}{pixel}{text[end:]}"

    def _tracked_link(self, tag: str, message_id: str, options: Mapping[str, Any], number: int) -> str:
        """Return ``<a ...>`` with another target, and without the attributes that are meant for SES."""
        attributes = {name.lower(): html.unescape(value.strip("\"'")) for name, value in _ATTRIBUTE.findall(tag)}
        target = attributes.get("href", "").strip()
        scheme = urlsplit(target).scheme.lower()
        tracked = "ses:no-track" not in attributes and scheme in ("http", "https") and number <= _MAX_LINKS
        url = ""
        if tracked:
            token = self._token(Tracked(message_id, target, _tags(attributes.get("ses:tags"))))
            if options.get("HttpsPolicy") == "REQUIRE":
                scheme = "https"
            url = f"{self._host(options, scheme)}/L0/{quote(target, safe='')}/{number}/{message_id}/{token}"

        def changed(match: re.Match[str]) -> str:
            name = match[1].lower()
            if name in ("ses:no-track", "ses:tags"):
                return ""
            return f' href="{html.escape(url)}"' if tracked and name == "href" else match[0]

        return f"{tag[:2]}{_ATTRIBUTE.sub(changed, tag[2:])}"

    def _host(self, options: Mapping[str, Any], scheme: str) -> str:
        domain = options.get("CustomRedirectDomain")
        return f"{scheme}://{domain}" if domain else self._endpoint_url

    def _token(self, tracked: Tracked) -> str:
        token = secrets.token_urlsafe(24)
        self._tracked[token] = tracked
        return token


def _tags(text: str | None) -> dict[str, list[str]] | None:
    """Read ``name:value;other:value;``; no tags are null in the event."""
    tags: dict[str, list[str]] = {}
    for pair in filter(None, (it.strip() for it in (text or "").split(";"))):
        name, _, value = pair.partition(":")
        tags.setdefault(name.strip(), []).append(value.strip())
    return tags or None
