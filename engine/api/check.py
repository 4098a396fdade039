"""A class of the user's own, tried on two pictures before a run starts: does it keep its contract?

    check_annotator("red", settings)     ""     it does
    check_annotator("red", settings)     "cannot be pickled to the workers: TypeError: ..."     the first thing wrong
    check_filter(settings)               "judge: the verdicts depend on the order of the cases"

The pictures are two drawn scenes of different size; what an annotator works on, boxes and texts, is their gold.
"""

import math
import pickle
from collections.abc import Callable, Sequence
from itertools import chain

from engine.runtime.faults import Failure, attempt
from filters.custom import Case, CustomFilter, custom_facts, judge_cases, judged_in
from shards.finding import GIVEN, Caption, Detection, Finding, rounded
from shards.record import Record
from stages.annotate.build import Annotator, build_stage
from stages.scenes.gold import Scene, draw_scene
from stages.scenes.settings import SceneSettings
from stages.stage import Item, Stage

SEED = 7


def check_annotator(name: str, annotator: Annotator) -> str:
    """The first thing that is wrong with an annotator, "" for nothing."""
    stage = attempt(lambda: build_stage(annotator, name))
    if isinstance(stage, Failure):
        return stage.error.removeprefix("error: ")
    for what, check in (
        ("cannot be pickled to the workers, keep for load what cannot travel", lambda: _pickled(stage)),
        ("fingerprint", lambda: _fingerprint(stage, build_stage(annotator, name))),
        ("load", stage.load),
        ("on two pictures", lambda: _run(stage)),
        ("close", stage.close),
    ):
        if (reason := _failed(check)) is not None:
            return f"{what}: {reason}"
    return ""


def check_filter(settings: CustomFilter) -> str:
    """The first thing that is wrong with a filter, "" for nothing."""
    for what, check in (
        ("fingerprint", lambda: _same_facts(settings)),
        ("judge", lambda: _judged(settings)),
    ):
        if (reason := _failed(check)) is not None:
            return f"{what}: {reason}"
    return ""


def _failed(check: Callable[[], object]) -> str | None:
    """Why a check failed: what it raised, or the text that it returned."""
    answer = attempt(check)
    if isinstance(answer, Failure):
        return answer.error.removeprefix("error: ")
    return answer if isinstance(answer, str) else None


def _pickled(stage: Stage) -> None:
    pickle.loads(pickle.dumps(stage))


def _fingerprint(stage: Stage, again: Stage) -> str | None:
    facts = stage.fingerprint()
    if not isinstance(facts, dict) or not all(_is_plain(value) for value in facts.values()):
        return f"must be a dict of names to text, numbers, true, false or null, got {facts!r}"
    return None if facts == again.fingerprint() else f"two objects of equal options give {facts} and others"


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | int | float | bool | list)


def _run(stage: Stage) -> str | None:
    scenes = _scenes()
    items = [Item(scene.record.key, scene.image, {GIVEN: _known(scene.record)}) for scene in scenes]
    answers = stage.run(items)
    if len(answers) != len(items):
        return f"gives {len(answers)} answers for {len(items)} images"
    for item, findings in zip(items, answers, strict=True):
        for finding in findings:
            if (reason := _unsound(finding, *item.image.shape[:2])) is not None:
                return f"image {item.key}: {reason}"
    turned = stage.run(items[::-1])[::-1]
    if [list(map(rounded, findings)) for findings in turned] != [list(map(rounded, findings)) for findings in answers]:
        return "the answers depend on the order of the images"
    return None


def _unsound(finding: Finding, height: int, width: int) -> str | None:
    """What no finding may say."""
    scores = [getattr(finding, name, None) for name in ("score", "phrase_score")]
    if bad := [score for score in scores if score is not None and not 0.0 <= score <= 1.0]:
        return f"a score must be in [0, 1], got {bad[0]}"
    corners = (getattr(finding, name, None) or () for name in ("box", "quad"))
    if not all(map(math.isfinite, chain.from_iterable(corners))):
        return f"coordinates must be finite, got {finding}"
    box = getattr(finding, "box", None)
    if box is not None and not (0 <= box[0] <= box[2] <= width and 0 <= box[1] <= box[3] <= height):
        return f"a box must be x0 y0 x1 y1 in pixels inside the image of {width} x {height}, got {list(box)}"
    return None


def _known(record: Record) -> list[Finding]:
    """The gold as findings: objects, their texts, and the texts about the image."""
    objects = [region for region in record.regions if region.kind == "object"]
    return [
        *(Detection(region.text, 1.0, box=region.box) for region in objects),
        *(
            Caption(f"a {region.text}", 1.0, about=f"{GIVEN}/{place}", granularity="brief")
            for place, region in enumerate(objects)
        ),
        *(Caption(text.text, 1.0, granularity=text.granularity) for text in record.texts),
    ]


def _same_facts(settings: CustomFilter) -> str | None:
    first, second = custom_facts([settings]), custom_facts([settings])
    return None if first == second else f"two objects of equal options give {first[0]['fingerprint']} and others"


def _judged(settings: CustomFilter) -> str | None:
    cases = [
        Case(scene.record, annotation) for scene in _scenes() for _, annotation in judged_in(scene.record, settings.on)
    ]
    verdicts = judge_cases(settings, cases)
    if judge_cases(settings, cases[::-1])[::-1] != verdicts or _one_by_one(settings, cases) != verdicts:
        return "the verdicts depend on the other cases of the batch or on their order"
    return None


def _one_by_one(settings: CustomFilter, cases: Sequence[Case]) -> list[object]:
    return [verdict for case in cases for verdict in judge_cases(settings, [case])]


def _scenes() -> list[Scene]:
    return [draw_scene(SEED, 0), draw_scene(SEED, 1, SceneSettings(size=192))]
