"""What SES thinks of a mail. In the lab, it is content unless the mail says otherwise.

See https://docs.aws.amazon.com/ses/latest/dg/receiving-email-notifications-contents.html.
"""

from __future__ import annotations

import email.policy
import re
from dataclasses import dataclass, replace
from email.parser import BytesHeaderParser, BytesParser
from typing import TYPE_CHECKING

from ses_constructs.lab.server.errors import SesError
from ses_constructs.lab.server.mime import EICAR

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message

# https://spamassassin.apache.org/gtube/, in two parts so that no scanner takes this file for it
GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*" + b"GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
_STATUSES = ("PASS", "FAIL", "GRAY", "PROCESSING_FAILED")
_POLICIES = ("none", "quarantine", "reject")
_NAMES = ("Spam", "Virus", "Spf", "Dkim", "Dmarc")
# These are the lab's own: a mail has them in no copy.
_LAB_FIELD = re.compile(
    rb"^X-Lab-(?:(?:Spam|Virus|Spf|Dkim|Dmarc)-Verdict|Dmarc-Policy):.*\r?\n(?:[ \t].*\r?\n)*",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, kw_only=True)
class Verdicts:
    """The five, and what the sender's domain wants done with mail that fails DMARC."""

    spam: str
    virus: str
    spf: str
    dkim: str
    dmarc: str
    dmarc_policy: str

    def unscanned(self) -> Verdicts:
        """Return them as they are for a rule that does not scan."""
        return replace(self, spam="DISABLED", virus="DISABLED")

    def statuses(self) -> dict[str, str]:
        """Return them by name."""
        return {"spam": self.spam, "virus": self.virus, "spf": self.spf, "dkim": self.dkim, "dmarc": self.dmarc}

    def written(self) -> dict[str, object]:
        """Return them as SES writes them; the policy only where DMARC failed."""
        statuses: dict[str, object] = {f"{name}Verdict": {"status": it} for name, it in self.statuses().items()}
        return {**statuses, **({"dmarcPolicy": self.dmarc_policy} if self.dmarc == "FAIL" else {})}


def judge(raw: bytes) -> tuple[Verdicts, bytes]:
    """Return the verdicts on a mail, and the mail without the header fields that asked for them.

    :raises SesError: if such a field has a value that SES does not give.
    """
    asked = BytesHeaderParser(policy=email.policy.compat32).parsebytes(raw)
    found = {"Spam": "PASS", "Virus": "PASS", "Spf": "PASS", "Dkim": "PASS", "Dmarc": "PASS", **_scan(raw)}
    for name in _NAMES:
        found[name] = _asked(asked, f"X-Lab-{name}-Verdict", _STATUSES, found[name])
    verdicts = Verdicts(
        **{name.lower(): found[name] for name in _NAMES},
        dmarc_policy=_asked(asked, "X-Lab-Dmarc-Policy", _POLICIES, "none"),
    )
    return verdicts, _without_lab_fields(raw)


def _asked(message: Message, name: str, words: tuple[str, ...], default: str) -> str:
    value = str(message.get(name, default)).strip()
    if value not in words:
        raise SesError("InvalidParameterValue", f"{name} must be one of {', '.join(words)}, got {value!r}")
    return value


def _scan(raw: bytes) -> dict[str, str]:
    """Look for the test strings in the mail and in its decoded parts."""
    try:
        texts = [raw, *_parts(raw)]
    except Exception:  # whatever hostile mail does to the parser, this is what SES says then
        return {"Spam": "PROCESSING_FAILED", "Virus": "PROCESSING_FAILED"}
    return {name: "FAIL" for name, sign in (("Spam", GTUBE), ("Virus", EICAR)) if any(sign in text for text in texts)}


def _parts(raw: bytes) -> Iterator[bytes]:
    for part in BytesParser(policy=email.policy.compat32).parsebytes(raw).walk():
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes):
            yield payload


def _without_lab_fields(raw: bytes) -> bytes:
    header, blank, body = raw.partition(b"\r\n\r\n")
    return _LAB_FIELD.sub(b"", header + b"\r\n").removesuffix(b"\r\n") + blank + body
