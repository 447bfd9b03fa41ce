"""Rewriting the links of a message, as far as it needs no lab."""

import re
from email.message import EmailMessage
from typing import Any

from ses_constructs.lab.server import mime
from ses_constructs.lab.server.tracking import Tracked, Tracking

ENDPOINT = "http://127.0.0.1:4566"


def rewritten(html: str, **options: Any) -> tuple[str, list[Tracked | None]]:
    """The HTML afterwards, and what its tracking links stand for."""
    message = EmailMessage()
    message["From"], message["Subject"] = "hello@example.com", "s"
    message.set_content(html, subtype="html")
    tracking, read = Tracking(ENDPOINT), mime.read(message.as_bytes())
    tracking.rewrite(read, "id", options, opens=False, clicks=True)
    payload = read.message.get_payload(decode=True)
    assert isinstance(payload, bytes)
    text = payload.decode()
    tokens = re.findall(rf"{ENDPOINT}/L0/[^\"]*/id/([\w-]+)", text)
    return text, [tracking.find(token) for token in tokens]


def test_links_are_tracked_however_their_tags_are_written() -> None:
    html = """<A title="a > b" HREF='https://example.com/1'>1</A><a\nhref=https://example.com/2>2</a>"""
    text, tracked = rewritten(html)
    assert [it.link for it in tracked if it] == ["https://example.com/1", "https://example.com/2"]
    assert 'title="a > b"' in text


def test_what_is_no_web_link_is_left_as_it_is() -> None:
    html = '<a name="top">a</a> <a href="#top">b</a> <a href="tel:+49">c</a> <abbr href="https://example.com">d</abbr>'
    text, tracked = rewritten(html)
    assert (text.strip(), tracked) == (html, [])


def test_tags_may_have_several_values_and_are_null_if_there_are_none() -> None:
    html = '<a ses:tags="a:1;a:2;b:x:y" href="https://example.com/1">1</a><a href="https://example.com/2">2</a>'
    text, tracked = rewritten(html)
    assert [it.tags for it in tracked if it] == [{"a": ["1", "2"], "b": ["x:y"]}, None]
    assert "ses:tags" not in text


def test_no_more_links_are_tracked_than_ses_tracks() -> None:
    text, tracked = rewritten("".join(f'<a href="https://example.com/{number}">x</a>' for number in range(251)))
    assert len(tracked) == 250
    assert '"https://example.com/250"' in text
