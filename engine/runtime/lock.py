"""One process at a time works on a corpus.

    with corpus_lock(store, "fld run photos corpus"):
        ...

A local corpus: `.lock` is locked by the kernel (flock, through filelock), which releases it when the process ends,
however it ends; a stopped process (SIGSTOP) still holds it, and no clock is involved. `.lock.json` says who it is:

    {"host": "gpu7", "pid": 4711, "command": "fld run photos corpus", "since": "2026-01-31T12:00:00+00:00", ...}

An object store has no locks. There the same JSON is the lock, rewritten every 20 s by its owner (`beat`). Whoever finds
one waits until it has either changed (in use) or stood still for 90 s (its owner is gone; it is taken over): clocks of
different machines are never compared. This is best effort: of two that start within the same second one may not see the
other, though both read their lock back once; and an owner that is stopped for longer than 90 s loses it. `break_lock`
removes it by hand.
"""

import json
import os
import re
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.console.cleaning import without_secrets
from shards.errors import CorpusError
from shards.store import LocalStore, Store

_SECRET_NAME = re.compile(r"key$|token|secret|passw|credential", re.IGNORECASE)
LOCK = ".lock"
OWNER = ".lock.json"
_PART = re.compile(r"\.lock-\d+-of-\d+\.json")


class CorpusLockedError(CorpusError):
    """Another process works on the corpus; the message says which, where and since when."""

    exit_code = 4


@dataclass(frozen=True)
class Timing:
    """Seconds: between beats of a remote lock, without a beat until it counts as left behind, before reading back."""

    beat_s: float = 20.0
    stale_s: float = 90.0
    settle_s: float = 1.0


@contextmanager
def corpus_lock(store: Store, command: str, timing: Timing = Timing()) -> Iterator[None]:
    """Hold the corpus, or raise CorpusLockedError at once (object store: after `stale_s` at most)."""
    owner = lock_owner(command)
    if isinstance(store, LocalStore):
        with _local(store, owner):
            yield
    else:
        with _remote(store, owner, timing):
            yield


def break_lock(store: Store) -> None:
    """Remove the lock of an object store's corpus. For a local corpus there is nothing to break: end its owner."""
    store.remove(OWNER)


def shown_command(arguments: Sequence[str]) -> str:
    """A command line as others may see it: without user names, passwords and query strings of URLs, and without values
    of settings whose name says that they are secret."""
    shown = [Path(arguments[0]).name or "python", *(_without_secrets(argument) for argument in arguments[1:])]
    return " ".join(shown)


def _without_secrets(argument: str) -> str:
    name, equals, _ = argument.partition("=")
    if equals and _SECRET_NAME.search(name.rpartition(".")[2]):
        return f"{name}=***"
    return without_secrets(argument)


def describe_holder(owner: dict[str, object]) -> str:
    """`fld run photos corpus (pid 4711 on gpu7, for 0:12:30)`"""
    age = "an unknown time"
    with suppress(ValueError):
        seconds = (datetime.now(UTC) - datetime.fromisoformat(str(owner.get("since")))).total_seconds()
        minutes, second = divmod(max(0, int(seconds)), 60)
        age = f"{minutes // 60}:{minutes % 60:02d}:{second:02d}"
    return f"{owner.get('command', '?')} (pid {owner.get('pid', '?')} on {owner.get('host', '?')}, for {age})"


def lock_owner(command: str) -> dict[str, object]:
    """What the JSON of a lock says of this process."""
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "command": command,
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
        "token": secrets.token_hex(8),
    }


@contextmanager
def _local(store: LocalStore, owner: dict[str, object]) -> Iterator[None]:
    from filelock import FileLock, Timeout

    folder = Path(store.url)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        held = (holder for path in _locks(store) if (holder := read_owner(store, path)) is not None)
        raise refused(store, next(held, {})) from error
    try:
        store.write(OWNER, [json.dumps(owner).encode()])
        yield
    finally:
        store.remove(OWNER)
        lock.release()


@contextmanager
def _remote(store: Store, owner: dict[str, object], timing: Timing) -> Iterator[None]:
    for path in _locks(store):
        if path != OWNER:
            wait_for_owner(store, timing, path)
    with beating(store, owner, timing, OWNER):
        yield


def _locks(store: Store) -> list[str]:
    """The lock of the whole corpus, and those of its parts (parts.py)."""
    return [OWNER, *(name for name in store.names("") if _PART.fullmatch(name))]


@contextmanager
def beating(store: Store, owner: dict[str, object], timing: Timing, path: str) -> Iterator[None]:
    """Hold the lock object `path` of an object store."""
    wait_for_owner(store, timing, path)
    store.write(path, [json.dumps(owner | {"beat": 0}).encode()])
    time.sleep(timing.settle_s)
    found = read_owner(store, path)
    if found is None or found.get("token") != owner["token"]:
        raise refused(store, found or {}, path)
    stop = threading.Event()
    beats = threading.Thread(target=_beat, args=(store, owner, timing, stop, path), name="corpus-lock", daemon=True)
    beats.start()
    try:
        yield
    finally:
        stop.set()
        beats.join()
        if (read_owner(store, path) or {}).get("token") == owner["token"]:
            store.remove(path)


def wait_for_owner(store: Store, timing: Timing, path: str) -> None:
    """Return when there is no owner, or none that shows a sign of life."""
    seen = read_owner(store, path)
    deadline = time.monotonic() + timing.stale_s
    while seen is not None and time.monotonic() < deadline:
        time.sleep(min(timing.beat_s / 4, max(0.0, deadline - time.monotonic())))
        now = read_owner(store, path)
        if now is not None and now != seen:
            raise refused(store, now, path)
        seen = now


def _beat(store: Store, owner: dict[str, object], timing: Timing, stop: threading.Event, path: str) -> None:
    number = 0
    while not stop.wait(timing.beat_s):
        number += 1
        if (read_owner(store, path) or {}).get("token") != owner["token"]:
            return  # taken over: do not take it back
        store.write(path, [json.dumps(owner | {"beat": number}).encode()])


def read_owner(store: Store, path: str = OWNER) -> dict[str, object] | None:
    """What a lock says of who holds it; None if there is none."""
    try:
        content = json.loads(store.read(path))
    except FileNotFoundError:
        return None
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def refused(store: Store, owner: dict[str, object], path: str = OWNER) -> CorpusLockedError:
    """The error that says who is at work."""
    how = "wait for it or end it"
    if not isinstance(store, LocalStore):
        how += f"; if it is gone, remove {store.url}/{path}"
    return CorpusLockedError(f"corpus {store.url} is in use by {describe_holder(owner)}: {how}")
