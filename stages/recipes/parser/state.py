"""The state of a training between two epochs, on disk: a machine that is needed elsewhere costs an epoch at most.

    keeper = StateFile(Path("build/parser.npz"), facts)
    keeper.write(nlp, optimizer, progress)
    keeper.progress()                             how far it is; None: nothing is there, begin
    keeper.read(nlp, optimizer)

What comes back is what went away, to the bit: weights, Adam's moments and averages, both random generators. Pipeline
and optimizer that are given to `read` were made as those of `write` were.
"""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

if TYPE_CHECKING:
    from spacy.language import Language
    from thinc.api import Optimizer

_KINDS = ("mom1", "mom2", "averages")


class Finished(msgspec.Struct, frozen=True):
    """What a round came to. best_epoch: counted from 0 over both rounds; epochs: trained so far, likewise."""

    best_epoch: int
    steps: int
    cpu_minutes: float
    epochs: int


class Reached(msgspec.Struct, frozen=True):
    """rounds: those that are done. epoch: the next one, over both rounds; step, best, kept, cpu_s: of the round that is
    being trained: steps done, best LAS and its epoch, CPU seconds so far."""

    rounds: list[Finished]
    epoch: int
    step: int = 0
    best: float = -1.0
    kept: int = 0
    cpu_s: float = 0.0


class _Kept(msgspec.Struct):
    facts: str
    progress: Reached
    updates: dict[str, tuple[int, int]]
    """Of each parameter: nr_update and last_seen of the optimizer."""
    python: tuple[int, tuple[int, ...], float | None]
    numpy: tuple[int, int, float]


class StateFile:
    """facts: what the training is made of; a state of another one is refused."""

    def __init__(self, path: Path, facts: str) -> None:
        self._path, self._facts = path, facts

    def progress(self) -> Reached | None:
        """How far it is. Raises ValueError for a file that is none, or is of another training."""
        return None if (kept := self._kept()) is None else kept.progress

    def write(self, nlp: "Language", optimizer: "Optimizer", progress: Reached) -> None:
        """Publish the state, whole or not at all."""
        of: Any = optimizer
        arrays: dict[str, Any] = {}
        updates: dict[str, tuple[int, int]] = {}
        for name, node, weight in _parameters(nlp):
            key = (node.id, weight)
            arrays[name] = node.get_param(weight)
            if node.has_grad(weight):  # what thinc clipped stays in it, and is part of the next step
                arrays[f"grad:{name}"] = node.get_grad(weight)
            updates[name] = (of.nr_update[key], of.last_seen[key])
            arrays |= {f"{kind}:{name}": getattr(of, kind)[key] for kind in _KINDS if key in getattr(of, kind)}
        version, words, gauss = random.getstate()
        _, arrays["numpy"], place, has_gauss, cached = np.random.get_state(legacy=True)
        kept = _Kept(
            self._facts,
            progress,
            updates,
            (version, words, gauss),
            (int(place), int(has_gauss), float(cached)),
        )
        arrays["kept"] = np.frombuffer(msgspec.json.encode(kept), dtype=np.uint8)
        part = self._path.with_suffix(".part.npz")
        part.parent.mkdir(parents=True, exist_ok=True)
        np.savez(part, **arrays)
        part.replace(self._path)

    def read(self, nlp: "Language", optimizer: "Optimizer") -> None:
        """Put the state back into a pipeline and an optimizer that nothing has been done with."""
        kept, of = self._kept(), optimizer
        if kept is None:
            return
        arrays = np.load(self._path)
        for name, node, weight in _parameters(nlp):
            key = (node.id, weight)
            node.set_param(weight, arrays[name])
            if f"grad:{name}" in arrays:
                node.set_grad(weight, arrays[f"grad:{name}"])
            of.nr_update[key], of.last_seen[key] = kept.updates[name]
            for kind in _KINDS:
                if f"{kind}:{name}" in arrays:
                    getattr(of, kind)[key] = arrays[f"{kind}:{name}"]
        random.setstate(kept.python)
        np.random.set_state(("MT19937", arrays["numpy"], *kept.numpy))

    def remove(self) -> None:
        """The training is done."""
        self._path.unlink(missing_ok=True)

    def _kept(self) -> _Kept | None:
        if not self._path.exists():
            return None
        try:
            kept = msgspec.json.decode(np.load(self._path)["kept"].tobytes(), type=_Kept)
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise ValueError(f"{self._path} is no state of a training ({error}): delete it to begin anew") from error
        if kept.facts != self._facts:
            raise ValueError(
                f"{self._path} is the state of a training of another treebank or with other settings: give these, or"
                " delete it to begin anew"
            )
        return kept


def _parameters(nlp: "Language") -> Iterator[tuple[str, Any, str]]:
    """A name that the next process gives it, too, the node and the weight, of all that is trained."""
    for component in nlp.pipe_names:
        model: Any = getattr(nlp.get_pipe(component), "model", None)
        for place, node in enumerate(() if model is None else model.walk()):
            for weight in node.param_names:
                if node.has_param(weight):
                    yield f"{component}/{place}/{weight}", node, weight
