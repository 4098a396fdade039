"""The contract between the engine and what happens to an image: a stage turns a batch of items into findings.

Comes in: items (an image and what other annotators already said about it). Goes out: one list of findings per item,
same order. `stages/` holds one stage per role; the engine moves batches and knows neither images nor models.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from shards.finding import Finding
from specialists.roles import Fingerprint, Image


@dataclass(frozen=True, eq=False)
class Item:
    """One image of a batch. `findings`: annotator name -> all it said about this image, for the annotators that this
    stage depends on (`reference(name, i)` names `findings[name][i]`)."""

    key: str
    image: Image
    findings: Mapping[str, Sequence[Finding]] = field(default_factory=dict)


class Stage(Protocol):
    """Cheap to build and picklable before `load()`; `run` is deterministic and keeps length and order."""

    def load(self) -> None: ...
    def run(self, items: list[Item]) -> list[list[Finding]]: ...
    def fingerprint(self) -> Fingerprint: ...
    def close(self) -> None: ...
