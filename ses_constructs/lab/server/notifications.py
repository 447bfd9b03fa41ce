"""The notification settings of identities.

See https://docs.aws.amazon.com/ses/latest/APIReference/API_SetIdentityNotificationTopic.html.
"""

from __future__ import annotations

from dataclasses import dataclass, field

TYPES = ("Bounce", "Complaint", "Delivery")


@dataclass
class Settings:
    """What one identity wants to be told, and how."""

    topics: dict[str, str] = field(default_factory=dict)
    headers: set[str] = field(default_factory=set)
    """The types whose notifications carry headers."""
    forwarding: bool = True


class NotificationSettings:
    """The settings of all identities, by region and name."""

    def __init__(self) -> None:
        self._settings: dict[tuple[str, str], Settings] = {}

    def of(self, region: str, identity: str) -> Settings:
        """Return the settings of an identity, to read and to change."""
        return self._settings.setdefault((region, identity), Settings())

    def forget(self, region: str, identity: str) -> None:
        """Put an identity back to how SES makes it."""
        self._settings.pop((region, identity), None)
