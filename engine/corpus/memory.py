"""What the annotators of a corpus were when they ran, so that looking at it builds none of them.

    columns.json   {"version": 1, "stages": {"<hash of an annotator's settings>": {"model": "...", ...}}}

A column's fingerprint covers what its stage says of itself, which takes a built stage: imports, weights that are
hashed. Whoever runs annotators writes down what their stages said (`Memory.note`); whoever only looks reads it
(`Memory.stage`). A corpus of an older release has none: there the raw folders on disk say which columns there are.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NoReturn

import pyarrow.compute as pc

from engine.config.config_text import ConfigError
from engine.runtime.column import Column
from shards import rounds
from shards.errors import DamageError
from shards.finding import GIVEN
from shards.layout import RAW
from shards.reader import Corpus
from shards.seal import read_sealed, write_sealed
from shards.store import Store
from specialists.roles import Fingerprint
from stages.annotate.build import Annotator
from stages.stage import Item, Stage

FILE = "columns.json"
VERSION = 1
NEVER_RAN = "none"
"""Fingerprint of a column of which nothing is there and nothing is remembered."""
_ADVICE = "delete it, and `fld annotate` writes it again"


@dataclass(frozen=True)
class RememberedStage:
    """A stage that only says what it was. facts: None where nobody wrote them down."""

    facts: Fingerprint | None

    def load(self) -> NoReturn:
        """Never: nothing that a corpus names is loaded by looking at it."""
        raise RuntimeError("a remembered stage cannot run: open the corpus with its annotators")

    def run(self, items: list[Item]) -> NoReturn:
        """Never."""
        del items
        self.load()

    def fingerprint(self) -> Fingerprint:
        """What the stage said when it ran."""
        return self.facts or {}

    def close(self) -> None:
        """Nothing is held."""


class Memory:
    """The stages that ran in a corpus."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stages: dict[str, Fingerprint] | None = None

    def note(self, annotator: Annotator, name: str, model: str, stage: Stage) -> None:
        """Write down what a built stage says of itself. model: what else it was made of, a trained model's content."""
        try:
            stages = self._read()
        except DamageError:
            stages = {}
        key, facts = self._key(annotator, name, model), stage.fingerprint()
        if stages.get(key) != facts:
            self._stages = {**stages, key: facts}
            data = json.dumps({"version": VERSION, "stages": self._stages}, indent=1, sort_keys=True)
            write_sealed(self._store, FILE, data.encode())

    def stage(self, annotator: Annotator, name: str, model: str = "") -> RememberedStage:
        """The stage of an annotator as it was. Raises DamageError if the memory is damaged."""
        return RememberedStage(self._read().get(self._key(annotator, name, model)))

    def _read(self) -> dict[str, Fingerprint]:
        if self._stages is None:
            try:
                content = json.loads(read_sealed(self._store, FILE, _ADVICE))
            except FileNotFoundError:
                content = {"version": VERSION, "stages": {}}
            except ValueError as error:
                raise DamageError(f"{FILE} of {self._store.url} is damaged: {_ADVICE}") from error
            if not isinstance(content, dict) or content.get("version") != VERSION:
                raise DamageError(f"{FILE} of {self._store.url} is of another version: {_ADVICE}")
            self._stages = content["stages"]
        return self._stages

    def _key(self, annotator: Annotator, name: str, model: str) -> str:
        """Of the settings that a stage is made of; the corpus may have moved since."""
        settings = annotator.model_dump(mode="json", exclude={"resources", "needs"})
        text = json.dumps([name, model, settings], sort_keys=True).replace(self._store.url, "")
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def with_known_fingerprints(store: Store, columns: list[Column], unknown: set[str], number: int) -> list[Column]:
    """The columns with the fingerprints that are on disk for those whose stage is `unknown`, and for those that need
    one of them. Raises ConfigError where several fit."""
    folders: Mapping[str, list[str]] | None = None
    settled: list[Column] = []
    for column in columns:
        if column.name in unknown or unknown & {*column.needs} - {GIVEN}:
            unknown = {*unknown, column.name}
            folders = _raw_folders(store) if folders is None else folders
            column = replace(column, fingerprint=_only(store, column.name, folders.get(column.name, []), number))
        settled.append(column)
    return settled


def _raw_folders(store: Store) -> dict[str, list[str]]:
    """Name of an annotator -> fingerprints of its columns."""
    folders: dict[str, list[str]] = {}
    parts = [path.split("/") for path in store.walk() if path.startswith(f"{RAW}/")]
    for folder in sorted({place[1] for place in parts if len(place) == 4 and place[2] == "manifest"}):
        name, _, fingerprint = folder.rpartition("-")
        folders.setdefault(name, []).append(fingerprint)
    return folders


def _only(store: Store, name: str, fingerprints: list[str], number: int) -> str:
    if len(fingerprints) > 1:
        fingerprints = [fingerprint for fingerprint in fingerprints if fingerprint in _written(store, name, number)]
    if len(fingerprints) == 1:
        return fingerprints[0]
    if not fingerprints:
        return NEVER_RAN
    raise ConfigError(f"annotator {name} has several columns in {store.url}: `fld annotate` says which is in force")


def _written(store: Store, name: str, number: int) -> set[str]:
    """The fingerprints of an annotator that the index of a round names."""
    if number not in Corpus(store).rounds():
        return set()
    fingerprints: set[str] = set()
    for shard in Corpus(store).round(number).shards():
        index = rounds.read_index(store, number, shard, ["source", "fingerprint"])
        fingerprints |= {*index.filter(pc.equal(index["source"], name))["fingerprint"].to_pylist()}
    return fingerprints
