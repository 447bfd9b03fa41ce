"""What becomes of mail to an address: the mailbox simulator, domains that cannot be, and everybody else.

See https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html.
"""

from collections.abc import Sequence
from dataclasses import dataclass

SIMULATOR = "simulator.amazonses.com"
# Never in the DNS (RFC 2606), so whoever gets mail here bounces, in the lab as on AWS.
_NOWHERE = ".invalid"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One thing that becomes of a message, as events tell it.

    :param event: ``Delivery``, ``Bounce`` or ``Complaint``.
    :param listed: whether the address goes on the suppression list for it; those of the simulator never do.
    """

    event: str
    bounce_type: str = ""
    bounce_sub_type: str = ""
    status: str = ""
    diagnostic_code: str = ""
    complaint_sub_type: str | None = None
    listed: bool = False


_DELIVERY = Outcome("Delivery")
_NO_SUCH_DOMAIN = Outcome(
    "Bounce", "Permanent", "General", "5.1.2", "smtp; 550 5.1.2 <{recipient}>: host not found", listed=True
)
_ON_LIST = "OnAccountSuppressionList"
# What the event tells when an address is on the suppression list, by the reason why it is there.
SUPPRESSED = {
    "BOUNCE": Outcome(
        "Bounce",
        "Permanent",
        _ON_LIST,
        "5.1.1",
        "Amazon SES did not send the message to this address because it is on the suppression list for your account. "
        "For more information about removing addresses from the suppression list, see the Amazon SES Developer Guide "
        "at https://docs.aws.amazon.com/ses/latest/DeveloperGuide/sending-email-suppression-list.html",
    ),
    "COMPLAINT": Outcome("Complaint", complaint_sub_type=_ON_LIST),
}
UNSUBSCRIBED = Outcome(
    "Bounce",
    "Permanent",
    "UnsubscribedRecipient",
    "5.1.1",
    "Amazon SES did not send the message to this address because the contact has opted out.",
)
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
    if domain.endswith(_NOWHERE):
        return (_NO_SUCH_DOMAIN,)
    if domain != SIMULATOR:
        return (_DELIVERY,)
    return _BY_LOCAL_PART.get(local.partition("+")[0], (_DELIVERY,))
