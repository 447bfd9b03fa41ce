import importlib
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from ses_constructs.lab.server import required


@pytest.fixture(autouse=True)
def recursion_limit() -> Iterator[None]:
    """Put it back: a library of MiniStack raises it while it is imported, and other tests nest too deep on purpose."""
    before = sys.getrecursionlimit()
    yield
    sys.setrecursionlimit(before)


def test_every_hook_is_where_the_installed_ministack_has_it() -> None:
    required.check()


@pytest.mark.parametrize(
    ("name", "replacement"),
    [
        ("services.sns.publish_internal", None),
        ("services.sns.publish_internal", lambda topic, text: None),
        ("services.ses_v2._config_sets", None),
    ],
)
def test_a_hook_that_has_moved_is_named_with_the_version(name: str, replacement: Any) -> None:
    module, _, attribute = f"ministack.{name}".rpartition(".")

    def load(wanted: str) -> ModuleType:
        found = importlib.import_module(wanted)
        if wanted != module:
            return found
        contents = {key: value for key, value in vars(found).items() if key != attribute}
        if replacement is not None:
            contents[attribute] = replacement
        return SimpleNamespace(**contents)  # type: ignore[return-value]  # stands in for the module

    with pytest.raises(required.HookMoved, match=rf"MiniStack 1\.5\.33 does not fit .* moved: {name};"):
        required.check(load)
