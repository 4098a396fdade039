"""Several drivers on one corpus: each annotates a part of its shards, with a lock of its own.

    fld annotate corpus --part 3/16        shards 000002, 000018, 000034 ...: number % 16 == 2
    with part_lock(store, Part(3, 16), "fld annotate corpus --part 3/16"): ...

A part is refused while a command holds the whole corpus, while the same part is at work, or while parts of another
number are (they would overlap); and any other command is refused while a part is at work. On a disk the kernel holds
both locks, `.lock` shared and `.lock-3-of-16`, and frees them when the process ends, however it ends. In an object
store a part has a lock object with a heartbeat, as a whole corpus has (lock.py), best effort as that.

Shards are dealt out by their number, so that new images move none of the old ones to another part.
"""

import fcntl
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.runtime.lock import (
    LOCK,
    OWNER,
    CorpusLockedError,
    Timing,
    beating,
    describe_holder,
    lock_owner,
    read_owner,
    refused,
    wait_for_owner,
)
from shards.errors import SettingsError
from shards.store import LocalStore, Store

_WRITTEN = re.compile(r"(\d+)/(\d+)")
AS_WHOLE = Timing()
_LOCKED = re.compile(r"\.lock-(\d+)-of-(\d+)(?:\.json)?")


@dataclass(frozen=True)
class Part:
    """number: from 1 to `of`. Raises SettingsError for another."""

    number: int
    of: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of:
            raise SettingsError(f"--part must be 1/N to N/N, got {self}: parts are counted from 1")

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def has(self, shard: str) -> bool:
        """Whether a shard is its."""
        return int(shard) % self.of == self.number - 1

    def shards(self, all_: Iterable[str]) -> list[str]:
        """Those of the shards that are its, in their order."""
        return [shard for shard in all_ if self.has(shard)]

    @property
    def lock(self) -> str:
        """Name of its lock file."""
        return f".lock-{self.number}-of-{self.of}"


@dataclass(frozen=True)
class PartAtWork:
    """A part and who works on it: `fld annotate ... (pid 4711 on gpu7, for 0:12:30)`; "" for one that nobody does."""

    part: Part
    holder: str


def read_part(text: str) -> Part:
    """`read_part("3/16")`. Raises SettingsError."""
    if (match := _WRITTEN.fullmatch(text)) is None:
        raise SettingsError(f"--part must be K/N such as 3/16, got {text!r}")
    return Part(int(match[1]), int(match[2]))


@contextmanager
def part_lock(store: Store, part: Part, command: str, timing: Timing = AS_WHOLE) -> Iterator[None]:
    """Hold a part, or raise CorpusLockedError."""
    owner = lock_owner(command)
    if isinstance(store, LocalStore):
        with _local(store, part, owner):
            yield
    else:
        with _remote(store, part, owner, timing):
            yield


def parts_at_work(store: Store) -> list[PartAtWork]:
    """All parts of the number that was used last, with who is at work; [] where the corpus never was in parts. In an
    object store everybody whose lock is there counts."""
    known = _known(store)
    if not known:
        return []
    holders = {part: _holder(store, part) for part in known}
    of = next((part.of for part, holder in holders.items() if holder), max(part.of for part in known))
    parts = [Part(number, of) for number in range(1, of + 1)]
    return [PartAtWork(part, holders.get(part, "")) for part in parts]


def _known(store: Store) -> list[Part]:
    found = {Part(int(m[1]), int(m[2])) for name in store.names("") if (m := _LOCKED.fullmatch(name))}
    return sorted(found, key=lambda part: (part.of, part.number))


def _holder(store: Store, part: Part) -> str:
    """Who is at work on a part, "" if nobody is."""
    owner = read_owner(store, f"{part.lock}.json")
    if not isinstance(store, LocalStore):
        return "" if owner is None else describe_holder(owner)
    return describe_holder(owner or {}) if _is_held(Path(store.url) / part.lock) else ""


def _is_held(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not _locked(descriptor, fcntl.LOCK_EX)
    finally:
        os.close(descriptor)


@contextmanager
def _local(store: LocalStore, part: Part, owner: dict[str, object]) -> Iterator[None]:
    folder = Path(store.url)
    with _descriptor(folder / LOCK) as whole, _descriptor(folder / part.lock) as own:
        if not _locked(whole, fcntl.LOCK_SH):
            raise refused(store, read_owner(store) or {})
        if not _locked(own, fcntl.LOCK_EX):
            raise refused(store, read_owner(store, f"{part.lock}.json") or {})
        _refuse_others(store, part)
        try:
            store.write(f"{part.lock}.json", [json.dumps(owner).encode()])
            yield
        finally:
            store.remove(f"{part.lock}.json")


@contextmanager
def _descriptor(path: Path) -> Iterator[int]:
    """Closing it frees the lock."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _remote(store: Store, part: Part, owner: dict[str, object], timing: Timing) -> Iterator[None]:
    wait_for_owner(store, timing, OWNER)
    _refuse_others(store, part)
    with beating(store, owner, timing, f"{part.lock}.json"):
        if (whole := read_owner(store)) is not None:
            raise refused(store, whole)
        yield


def _refuse_others(store: Store, part: Part) -> None:
    """Parts of another number."""
    for other in _known(store):
        if other.of != part.of and (holder := _holder(store, other)):
            raise CorpusLockedError(
                f"corpus {store.url} is divided into {other.of} parts by {holder}: use {part.number}/{other.of}"
                " likewise, or wait for it"
            )
