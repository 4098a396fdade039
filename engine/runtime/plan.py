"""From the configured annotators to the columns that the engine fills.

What an annotator needs is worked out from its role (`stages.annotate.build.wants`), unless its config names it
(`needs: [detector]`). What came with the images (`given`) is looked at like another annotator's findings:

    captioner on boxes   whatever finds the kinds of boxes it captions, and what was given
    segmenter            likewise
    matcher              likewise, and what captions the boxes
    grounder             every captioner of whole images, every describer, and what was given
    describer            captioners, detectors, readers, and what was given
    generalist           likewise a grounder, where it is asked for phrases

A column's fingerprint covers its own stage and, through theirs, everything it needs: change the detector, and only the
detector and what looks at its boxes runs again.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace

from engine.runtime.column import Column, ordered
from shards.finding import GIVEN
from specialists.lmm_describer import LmmSettings
from specialists.openai_settings import OpenAiSettings
from specialists.roles import MissingRequirementError
from stages.annotate.build import Annotator, build_stage, gives, subset_of, wants
from stages.annotate.describer import DescriptionsSettings
from stages.annotate.subset import read_subset
from stages.stage import Stage

FINGERPRINT_DIGITS = 12  # 48 bits: two of a corpus's few hundred columns agree by chance once in 10**9 corpora


def columns(annotators: dict[str, Annotator], build: Callable[[Annotator, str], Stage] = build_stage) -> list[Column]:
    """One column per annotator, needed ones first. Raises ColumnError for a need that does not exist or a circle, and
    MissingRequirementError with all that annotators miss. build: makes the stage of an annotator and its name; tests
    pass another."""
    stages = _stages(annotators, build)
    unfinished = [
        Column(
            name,
            "",
            needs(name, annotators),
            stages[name],
            annotator.resources,
            read_subset(subset_of(annotator)),
            _may_cost(annotator),
            _secrets(annotator),
        )
        for name, annotator in annotators.items()
    ]
    finished: dict[str, Column] = {}
    for column in ordered(unfinished):
        upstream = {need: GIVEN if need == GIVEN else _content(finished[need]) for need in sorted(column.needs)}
        facts = {"stage": column.stage.fingerprint(), "needs": upstream}
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        finished[column.name] = replace(column, fingerprint=digest[:FINGERPRINT_DIGITS])
    return list(finished.values())


def _stages(annotators: dict[str, Annotator], build: Callable[[Annotator, str], Stage]) -> dict[str, Stage]:
    """All of them: who misses two packages should not learn of the second after the first is installed."""
    stages: dict[str, Stage] = {}
    missing: list[MissingRequirementError] = []
    for name, annotator in annotators.items():
        try:
            stages[name] = build(annotator, name)
        except MissingRequirementError as error:
            missing.append(error)
    if missing:
        raise MissingRequirementError("; ".join(dict.fromkeys(map(str, missing)))) from missing[0]
    return stages


def _may_cost(annotator: Annotator) -> bool:
    """Whether answers may cost money: those of any describer that is not a model on this machine."""
    return isinstance(annotator, DescriptionsSettings) and not isinstance(annotator.specialist, LmmSettings)


def _secrets(annotator: Annotator) -> tuple[str, ...]:
    of = annotator.specialist
    return (of.api_key_env,) if isinstance(of, OpenAiSettings) and of.api_key_env is not None else ()


def _content(column: Column) -> str:
    """What stands for all that a column says, to those that look at it."""
    return column.fingerprint if column.subset is None else f"{column.fingerprint} {column.subset.identity}"


def needs(name: str, annotators: dict[str, Annotator]) -> tuple[str, ...]:
    """Names of the annotators whose findings `name` looks at, `given` among them."""
    annotator = annotators[name]
    if annotator.needs is not None:
        return tuple(annotator.needs)
    wanted = wants(annotator)
    if not wanted:
        return ()
    found = tuple(other for other, settings in annotators.items() if other != name and gives(settings) & wanted)
    return (*found, GIVEN)
