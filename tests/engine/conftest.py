"""One Ray for all tests that need it: starting it takes longer than most of them."""

import gc
import warnings
from collections.abc import Iterator

import pytest

from engine.runtime.progress import Silent
from engine.runtime.ray_session import RaySession


@pytest.fixture(scope="session", autouse=True)
def own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a user trusts is remembered here, and not in the home of who runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def ray_here() -> Iterator[None]:
    """A Ray on this machine with eight promised CPUs, whatever it has; the engine joins it."""
    session = RaySession(None, Silent().log)
    session.start(min_cpus=8)
    _collect()
    yield
    session.stop()
    _collect()


def _collect() -> None:
    """Ray's process handles complain when they are collected, here rather than in the middle of some other test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
