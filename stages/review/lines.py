"""One line of corrections.jsonl becomes a review: what it refers to is looked up, so that it is found again later.

    {"key": "dog", "action": "relabel", "target": "r3", "label": "cat"}
    ->  Review("dog", "relabel", "region", id="r3", text="dog", box=(12.0, ...), new_text="cat", ...)

Comes in: the line as a dict, and the record that it was made on. Goes out: a `Review`. Raises LineError with one
sentence for the first mistake in it. docs/review.md has all fields.
"""

import difflib
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar, get_args

from shards.errors import InputError
from shards.finding import Box, Quad
from shards.geometry import clipped, quad_box, rounded_box
from shards.record import AnnotationType, Record, Region
from shards.reviews import Action, Review
from shards.summary import label_of

FIELDS = (
    "key", "action", "target", "round", "label", "text", "box", "quad", "granularity", "who", "when",
)  # fmt: skip
ACTIONS: tuple[Action, ...] = get_args(Action)
SIZES = ("brief", "detailed", "more_detailed")
T = TypeVar("T", bound=str)
_TARGET_FIELDS = ("label", "text", "box", "granularity", "phrase")


class LineError(InputError):
    """What is wrong with one correction."""


class CorrectionTarget(NamedTuple):
    """What a correction refers to, as it is in the record."""

    on: AnnotationType
    id: str = ""
    text: str = ""
    box: Box | None = None
    granularity: str = ""


class Made(NamedTuple):
    """Who made corrections, when, and on which round, where the line does not say."""

    who: str
    when: str
    round: int


def read_line(line: object, record: Record | None, made: Made, earlier: Sequence[Review] = ()) -> Review:
    """record: of the image in the round that the line was made on; None if that round did not keep it. earlier: what
    was taken in about the image, where a line may come again: one that was applied gave the ids of the round to other
    things, so that the same line would now be refused, or, worse, be about another thing. Then the earlier one is
    returned."""
    try:
        review = _read(line, record, made, None)
    except LineError:
        if (again := _again(line, record, made, earlier, None)) is not None:
            return again
        raise
    return _again(line, record, made, earlier, review) or review


def _again(
    line: object, record: Record | None, made: Made, earlier: Sequence[Review], review: Review | None
) -> Review | None:
    """The earlier review that this line made before, if its id is that of another thing now, or of none. review: what
    the line says now."""
    if not isinstance(line, dict) or not isinstance(line.get("target"), str) or line["target"] == "image":
        return None
    for known in earlier:
        if (known.key, known.id, known.round) != (line.get("key"), line["target"], made.round):
            continue
        target = CorrectionTarget(known.on, known.id, known.text, known.box, known.granularity)
        if review is not None and target == (review.on, review.id, review.text, review.box, review.granularity):
            continue
        try:
            same = _read(line, record, made, target)
        except LineError:
            continue
        if same.facts == known.facts:
            return known
    return None


def _read(line: object, record: Record | None, made: Made, known: CorrectionTarget | None) -> Review:
    """known: what it refers to, where that is not to be looked up in the record."""
    if not isinstance(line, dict):
        raise LineError(f"must be an object with fields, got {type(line).__name__}")
    check_names(line, FIELDS)
    action = _one_of("action", line.get("action"), ACTIONS)
    key = _text(line, "key")
    if action == "add":
        target = CorrectionTarget(_added_on(line))
    else:
        target = known or _target(line.get("target"), record, key, made.round)
    _check_fit(action, target.on, line)
    new_text = _new_text(action, line)
    new_box, new_quad = _new_place(action, target.on, line, record)
    is_caption = action == "add" and target.on == "text"
    granularity = _one_of("granularity", line.get("granularity", "brief"), SIZES) if is_caption else ""
    who, when = str(line.get("who") or made.who), str(line.get("when") or made.when)
    return Review(
        key, action, target.on, who, when, target.id, made.round, target.text, target.box,
        target.granularity or granularity, new_text, new_box, new_quad,
    )  # fmt: skip


def whole(line: Mapping[str, Any], record: Record | None) -> list[dict[str, Any]]:
    """A line whose target is "all": one about the image, and one about each of its regions and texts."""
    if line.get("action") != "accept":
        raise LineError(f"target 'all' is for action 'accept', got {line.get('action')!r}: name one target, or 'image'")
    if record is None:
        raise LineError(f"the round did not keep {line.get('key')!r}: there is nothing to accept")
    ids = ["image", *(each.id for each in record.regions), *(each.id for each in record.texts)]
    return [{**line, "target": id} for id in ids]


def check_names(line: Mapping[str, Any], known: Sequence[str]) -> None:
    """Raise LineError for a field that there is not."""
    for name in line:
        if name not in known:
            close = difflib.get_close_matches(str(name), known, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(known)}"
            raise LineError(f"no field {name!r}: {hint}")


def target_of(region: Region) -> CorrectionTarget:
    """A region as it can be found again: an object by what the annotators call it, words by what they read."""
    if region.kind == "object":
        return CorrectionTarget("region", region.id, label_of(region), region.box)
    return CorrectionTarget("ocr", region.id, region.text, region.box)


def _target(named: object, record: Record | None, key: str, number: int) -> CorrectionTarget:
    if named == "image":
        return CorrectionTarget("image")
    if isinstance(named, dict):
        return _described(named)
    if not isinstance(named, str) or not named:
        raise LineError(f"target must be an id (r3, t0, g1), 'image', or an object with label and box, got {named!r}")
    if record is None:
        raise LineError(f"target {named!r}: round {number} did not keep {key!r}: describe it by label and box")
    known = {region.id: target_of(region) for region in record.regions}
    known |= {text.id: CorrectionTarget("text", text.id, text.text, None, text.granularity) for text in record.texts}
    for place, grounding in enumerate(record.groundings):
        known[f"g{place}"] = CorrectionTarget("phrase", f"g{place}", grounding.phrase)
        for at, box in enumerate(grounding.boxes):
            known[f"g{place}.{at}"] = CorrectionTarget("phrase", f"g{place}.{at}", grounding.phrase, box.box)
    if named not in known:
        there = ", ".join(name for name in known if "." not in name) or "nothing"
        raise LineError(f"target {named!r} is not in round {number} of {key!r}, which has {there}")
    return known[named]


def _described(named: Mapping[str, Any]) -> CorrectionTarget:
    """A target by what it says and where it is, for what no record has (any more)."""
    check_names(named, _TARGET_FIELDS)
    box = None if named.get("box") is None else _box("target.box", named["box"])
    if "phrase" in named:
        return CorrectionTarget("phrase", "", _text(named, "phrase"), box)
    if "label" in named and box is not None:
        return CorrectionTarget("region", "", _text(named, "label"), box)
    if "text" in named and box is not None:
        return CorrectionTarget("ocr", "", _text(named, "text"), box)
    if "text" in named:
        return CorrectionTarget(
            "text", "", _text(named, "text"), None, _one_of("granularity", named.get("granularity"), SIZES)
        )
    raise LineError("target must have label and box, text and box, text and granularity, or phrase")


def _added_on(line: Mapping[str, Any]) -> AnnotationType:
    if "label" in line:
        return "region"
    return "ocr" if "box" in line or "quad" in line else "text"


def _check_fit(action: Action, on: AnnotationType, line: Mapping[str, Any]) -> None:
    fits: dict[Action, tuple[AnnotationType, ...]] = {
        "relabel": ("region",), "move": ("region", "ocr"), "text": ("text", "ocr"),
    }  # fmt: skip
    if on not in fits.get(action, (on,)):
        raise LineError(f"action {action!r} fits {' or '.join(fits[action])}, not {on}: reject it and add another")
    if action == "add" and "target" in line:
        raise LineError("action 'add' has no target: it is new")


def _new_text(action: Action, line: Mapping[str, Any]) -> str:
    if action == "relabel" or (action == "add" and "label" in line):
        return _text(line, "label")
    return _text(line, "text") if action in ("text", "add") else ""


def _new_place(
    action: Action, on: AnnotationType, line: Mapping[str, Any], record: Record | None
) -> tuple[Box | None, Quad | None]:
    if action not in ("move", "add") or on == "text":
        return None, None
    quad = None
    if on == "ocr" and line.get("quad") is not None:
        quad = _quad(line["quad"])
    box = quad_box(quad) if quad is not None else _box("box", line.get("box"))
    if record is not None:
        inside = clipped(box, record.width, record.height)
        if inside is None:
            raise LineError(f"box {list(box)} lies outside the image of {record.width} x {record.height} px")
        box = inside
    return rounded_box(box), quad


def _box(name: str, value: object) -> Box:
    numbers = _numbers(name, value, 4, "x0, y0, x1, y1 in pixels")
    x0, y0, x1, y1 = numbers
    if x1 <= x0 or y1 <= y0:
        raise LineError(f"{name} must be x0, y0, x1, y1 with x0 < x1 and y0 < y1, got {value}")
    return x0, y0, x1, y1


def _quad(value: object) -> Quad:
    x0, y0, x1, y1, x2, y2, x3, y3 = _numbers("quad", value, 8, "x y of four corners in pixels")
    return x0, y0, x1, y1, x2, y2, x3, y3


def _numbers(name: str, value: object, count: int, expected: str) -> list[float]:
    numbers = [number for number in value if isinstance(number, int | float)] if isinstance(value, list | tuple) else []
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise LineError(f"{name} must be {expected}, got {value!r}")
    return [float(number) for number in numbers]


def _text(line: Mapping[str, Any], name: str) -> str:
    value = line.get(name)
    if not isinstance(value, str) or not value.strip():
        raise LineError(f"{name} must be a text that is not empty, got {value!r}")
    return value


def _one_of(name: str, value: object, allowed: Sequence[T]) -> T:
    for option in allowed:
        if value == option:
            return option
    close = difflib.get_close_matches(str(value), allowed, 1)
    hint = f": did you mean {close[0]!r}?" if close else ""
    raise LineError(f"{name} must be {', '.join(allowed)}, got {value!r}{hint}")
