"""What becomes of mail to an address: the mailbox simulator, and everybody else.

See https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html.
"""

from collections.abc import Sequence
from dataclasses import dataclass

SIMULATOR = "simulator.amazonses.com"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One thing that becomes of a message, as events tell it.

    :param event: ``Delivery``, ``Bounce`` or ``Complaint``.
    """

    event: str
    bounce_type: str = ""
    bounce_sub_type: str = ""
    status: str = ""
    diagnostic_code: str = ""


_DELIVERY = Outcome("Delivery")
_BY_LOCAL_PART: dict[str, tuple[Outcome, ...]] = {
    "bounce": (
        Outcome("Bounce", "Permanent", "General", "5.1.1", "smtp; 550 5.1.1 As requested: user unknown <{recipient}>"),
    ),
    "suppressionlist": (
        Outcome(
            "Bounce",
            "Permanent",
            "General",
            "5.1.1",
            "smtp; 550 5.1.1 As requested: user unknown (suppressed address: {recipient})",
        ),
    ),
    # Delivered; the out-of-office reply then counts as a passing bounce, without the fields of a delivery status.
    "ooto": (_DELIVERY, Outcome("Bounce", "Transient", "General")),
    "complaint": (_DELIVERY, Outcome("Complaint")),
}


def outcomes(recipient: str) -> Sequence[Outcome]:
    """Return what becomes of mail to *recipient*, in order. Labels (``bounce+x@``) make no difference."""
    local, _, domain = recipient.lower().rpartition("@")
    if domain != SIMULATOR:
        return (_DELIVERY,)
    return _BY_LOCAL_PART.get(local.partition("+")[0], (_DELIVERY,))
