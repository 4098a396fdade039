"""What an endpoint has cost so far, in one file that all actors share, and the limit that holds for all of them.

    {"requests": 57, "prompt_tokens": 20411, "completion_tokens": 4096}

Comes in: a request that is about to be sent, then the tokens of its answer. A request is booked before it is sent,
under a lock of the file: however many actors there are, and however often the run was stopped, no request goes out once
`max_requests` are booked, and none once `max_total_tokens` are spent. Tokens are known only afterwards, so the requests
that are on their way at that moment still count on top.

Without a file (an annotator outside a corpus, or a corpus on an object store) the process keeps its own account.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import msgspec

from specialists.roles import RunStopError


class Spent(msgspec.Struct, frozen=True):
    """Requests that were sent, repeated ones by the client not counted, and the tokens of their answers."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def tokens(self) -> int:
        """Prompts and answers."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True)
class Limits:
    """None: no limit."""

    max_requests: int | None = None
    max_total_tokens: int | None = None


class Account:
    """Of one annotator, in one process. Used by many threads."""

    def __init__(self, path: Path | None, limits: Limits) -> None:
        self._path = path
        self._limits = limits
        self._own = Spent()
        self._lock = threading.Lock()

    def book(self) -> None:
        """One request is about to be sent. Raises RunStopError if that is over a limit."""

        def add(spent: Spent) -> Spent:
            for name, amount in (("max_requests", spent.requests), ("max_total_tokens", spent.tokens)):
                limit: int | None = getattr(self._limits, name)
                if limit is not None and amount >= limit:
                    where = f" (of all runs together, in {self._path})" if self._path else ""
                    raise RunStopError(f"openai: budget spent, {name} is {limit}{where}: raise it to go on")
            return msgspec.structs.replace(spent, requests=spent.requests + 1)

        self._change(add)

    def pay(self, prompt_tokens: int, completion_tokens: int) -> None:
        """An answer has come."""
        self._change(
            lambda spent: msgspec.structs.replace(
                spent,
                prompt_tokens=spent.prompt_tokens + prompt_tokens,
                completion_tokens=spent.completion_tokens + completion_tokens,
            )
        )

    def _change(self, change: Callable[[Spent], Spent]) -> None:
        with self._lock, self._file_lock():
            spent = change(self._own if self._path is None else read_spent(self._path))
            self._own = spent
            if self._path is not None:
                part = self._path.with_name(f"{self._path.name}.part")
                part.write_bytes(msgspec.json.encode(spent) + b"\n")
                part.replace(self._path)

    def _file_lock(self) -> AbstractContextManager[object]:
        if self._path is None:
            return nullcontext()
        from filelock import FileLock

        self._path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(f"{self._path}.lock")


def read_spent(path: Path) -> Spent:
    """What was spent so far; nothing where there is no file."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Spent)
    except FileNotFoundError:
        return Spent()
