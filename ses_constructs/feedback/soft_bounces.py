"""When bounces that may pass are too many."""

from dataclasses import dataclass

from aws_cdk import Duration, Token

_MOST = 20  # kept by the handler, lambda/feedback/items.py
_DAY, _YEAR = 86_400, 365 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftBounces:
    """Suppress an address after *threshold* soft bounces within *window*, until *window* has passed since the last one.

    A soft bounce says that SES has given up on one mail, after it tried for hours; what counts as one is in
    ``docs/ledger.md``. The default, five in 30 days, is out of reach for a mailbox that was full over a weekend, and in
    reach for a weekly newsletter to one that is abandoned.

    :param threshold: how many. 1 to 20. Default: 5.
    :param window: how close together, and how long they are held against the address. 1 to 365 days. Default: 30 days.
    :raises ValueError: for values out of range.
    """

    threshold: int = 5
    window: Duration | None = None

    def __post_init__(self) -> None:
        if not Token.is_unresolved(self.threshold) and not 1 <= self.threshold <= _MOST:
            raise ValueError(f"SoftBounces: threshold must be 1 to {_MOST}, got {self.threshold!r}")
        if self.window is not None and not self.window.is_unresolved():
            seconds = self.window.to_seconds()
            if not _DAY <= seconds <= _YEAR:
                raise ValueError(f"SoftBounces: window must be 1 to 365 days, got {seconds / _DAY:g} days")

    def environment(self) -> dict[str, str]:
        """Return the settings as the handler reads them."""
        window = self.window if self.window is not None else Duration.days(30)
        return {"SOFT_BOUNCE_THRESHOLD": _text(self.threshold), "SOFT_BOUNCE_WINDOW": _text(window.to_seconds())}


def _text(number: float) -> str:
    return Token.as_string(number) if Token.is_unresolved(number) else str(int(number))
