"""Puts the lab's SES into the emulator: its APIs, and its resource types in CloudFormation."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ses_constructs.lab.server import (
    cloudformation,
    cloudformation_neighbours,
    cloudformation_receiving,
    query,
    rest,
)
from ses_constructs.lab.server.bounce_api import BounceApi
from ses_constructs.lab.server.engine import Engine
from ses_constructs.lab.server.identities import Identities
from ses_constructs.lab.server.identities_api import IdentitiesApi
from ses_constructs.lab.server.notifications_api import NotificationsApi
from ses_constructs.lab.server.receipt_api import ReceiptApi
from ses_constructs.lab.server.receiving import Receiver
from ses_constructs.lab.server.sending_v1 import SendingV1
from ses_constructs.lab.server.sending_v2 import SendingV2
from ses_constructs.lab.server.sets_api import SetsApi
from ses_constructs.lab.server.throttle import Throttle
from ses_constructs.lab.server.verification import Verifier

if TYPE_CHECKING:
    from ses_constructs.lab.server.hooks import Emulator


class Ses(NamedTuple):
    """Both directions."""

    engine: Engine
    receiver: Receiver


def start_ses(emulator: Emulator, *, endpoint_url: str, by_dns: bool, throttle: bool) -> Ses:
    """Extend the emulator, and return what everything leads to.

    :param by_dns: whether domains are verified by their DKIM records.
    :param throttle: whether all calls but sends are limited to one a second.
    """
    engine = Engine(emulator, Verifier(emulator, by_dns=by_dns), endpoint_url=endpoint_url)
    receiver = Receiver(emulator, engine)
    sets = SetsApi(emulator, engine)
    actions = {
        **SendingV1(emulator, engine).actions(),
        **NotificationsApi(emulator, engine).actions(),
        **sets.actions(),
        **ReceiptApi(receiver.rules).actions(),
        **BounceApi(engine, receiver).actions(),
    }
    routes = {
        **SendingV2(emulator, engine).routes(),
        **sets.routes(),
        **engine.suppression.routes(),
        **engine.contacts.routes(),
    }
    emulator.extend_api(v1=query.answering(emulator, actions), v2=rest.answering(emulator, routes))
    emulator.extend_api(v2=IdentitiesApi(emulator, Identities(emulator, engine)).around)
    emulator.extend_api(v2=engine.suppression.around_v2)
    if throttle:
        limit = Throttle(emulator)
        emulator.extend_api(v1=limit.around_v1, v2=limit.around_v2)
    cloudformation.register(emulator, engine, sets)
    cloudformation_receiving.register(emulator, receiver.rules)
    cloudformation_neighbours.register(emulator)
    return Ses(engine, receiver)
