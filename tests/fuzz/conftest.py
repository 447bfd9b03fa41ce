"""A hundred examples in every run of the tests, and as many as one waits for with `make fuzz`."""

import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "fuzz", max_examples=20_000, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.register_profile("brief", deadline=None, suppress_health_check=[HealthCheck.too_slow])
if settings.get_current_profile_name() == "default":
    settings.load_profile("brief")
_HANGS = 3600  # seconds for a whole test, a hundred times what it takes


@pytest.fixture(autouse=True)
def no_hang() -> Iterator[None]:
    """End what would never end."""

    def hang(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, hang)
    signal.alarm(_HANGS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
