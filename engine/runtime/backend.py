"""Where calls run: the contract between the scheduler and its two backends (in this process; Ray actors).

    backend.open(pool) for every pool; then submit(call) until it says False, wait(), submit(...), ...; at last close()

A backend starts and replaces actors as it sees fit and reports every call it accepted exactly once. A call that was
only queued on an actor that died is not to blame: the backend runs it elsewhere and the scheduler never hears of it.
"""

from typing import Protocol

from engine.runtime.call import Call, Outcome
from engine.runtime.column import ActorPool
from shards.errors import ModelError


class StartError(ModelError):
    """A stage that could not be loaded, or an actor that could not be started: the run ends. One line."""


class Backend(Protocol):
    """By pool name. actors: those ready to work; shares: those that will work for it while all pools have work (see
    `together.shares`)."""

    actors: dict[str, int]
    shares: dict[str, float]

    def open(self, pool: ActorPool) -> None:
        """Make the pool known. Its actors start now or with its first call."""
        ...

    def submit(self, call: Call) -> bool:
        """Take the call, or return False when its pool has enough: ask again after the next `wait`."""
        ...

    def wait(self, timeout_s: float) -> list[Outcome]:
        """What has finished; [] after `timeout_s`. Raises StartError."""
        ...

    def close(self) -> None:
        """Stop all actors at once, whatever they do."""
        ...
