"""Columns of the loop's models in which the scores are mapped already, as releases before wrote them.

A model's scores were made probabilities when it annotated, and what they were mapped by was part of its column's
fingerprint. Now a round maps them (stages/fuse/heard.py). Such a column counts on where it is whole, so that no model
runs again and no round is another; otherwise the model writes a new one.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace

from engine.corpus.memory import RememberedStage
from engine.runtime.column import Column
from engine.runtime.plan import columns
from shards import commit
from shards.layout import IMAGES, raw_folder
from shards.store import Store
from stages.annotate.build import Annotator
from stages.calibrate.worth import Worth
from stages.stage import Stage


@dataclass(frozen=True)
class MappedStage(RememberedStage):
    """The stage of such a column: it only says what it was."""


def is_mapped(column: Column) -> bool:
    """Whether its scores are probabilities already."""
    return isinstance(column.stage, MappedStage)


def with_mapped(
    store: Store,
    columns_of: Sequence[Column],
    annotators: Mapping[str, Annotator],
    worths: Mapping[str, Worth],
    witnesses: Sequence[str],
) -> list[Column]:
    """The columns, those of `worths` as they were where they are there and whole. witnesses: for whom such a column
    waited."""
    if not worths:
        return list(columns_of)
    wider = {
        name: annotator.model_copy(update={"needs": sorted({*(annotator.needs or ()), *witnesses})})
        for name, annotator in annotators.items()
        if name in worths
    }
    stages = {column.name: column.stage for column in columns_of}

    def build(annotator: Annotator, name: str) -> Stage:
        del annotator
        stage = stages[name]
        return MappedStage({**stage.fingerprint(), "calibration": worths[name].facts()}) if name in worths else stage

    before = {column.name: column for column in columns({**annotators, **wider}, build) if column.name in worths}
    return [
        before[column.name] if column.name in before and _is_whole(store, before[column.name]) else column
        for column in columns_of
    ]


def taken_as_mapped(columns_of: Sequence[Column], learners: Container[str]) -> list[Column]:
    """Columns that are only known from the disk, in a corpus of which no release wrote down what its annotators were:
    those of learners were mapped then."""
    return [replace(column, stage=MappedStage(None)) if column.name in learners else column for column in columns_of]


def _is_whole(store: Store, column: Column) -> bool:
    done = commit.committed(store, raw_folder(column.name, column.fingerprint))
    images = commit.committed(store, IMAGES)
    return bool(done) and images.keys() <= done.keys() and not any(manifest.counts.failed for manifest in done.values())
