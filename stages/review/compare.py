"""A picture as somebody left it in another tool, against its record: what was corrected there.

    record   r0 "dog" (10, 10, 90, 90)    r1 "cat" (200, ...)
    shapes   r0 "dog" (10, 12, 90, 90)    "ball" (300, ...)
    ->  move r0, reject r1, add "ball"                       as lines of corrections.jsonl, see docs/review.md

Shapes are told apart by the ids that our export wrote; without one, a shape is the region of its kind that it overlaps
most. What was left as it was is no correction, unless `accept_rest`: then somebody has looked at it and it is accepted.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from shards.finding import Box, Quad
from shards.geometry import iou
from shards.record import Record
from stages.review.lines import CorrectionTarget, target_of

LINKED_IOU = 0.5
STILL_PX = 1.0
"""How far a corner may be off by what a tool rounds."""


class MarkedShape(NamedTuple):
    """A box with a label (on: region), or written text with its quad (on: ocr). id: of our export, "" without one."""

    on: str
    text: str
    box: Box
    quad: Quad | None = None
    id: str = ""


def corrections(
    record: Record, shapes: Sequence[MarkedShape], texts: Mapping[str, Sequence[str]] | None, accept_rest: bool
) -> list[dict[str, Any]]:
    """Lines without who and when. texts: granularity -> the texts as they are now; None: the tool showed none."""
    left = {region.id: target_of(region) for region in record.regions}
    pairs: list[tuple[CorrectionTarget | None, MarkedShape]] = []
    for shape in sorted(shapes, key=lambda shape: shape.id not in left):
        target = left.get(shape.id) or _nearest(shape, left)
        if target is not None:
            del left[target.id]
        pairs.append((target, shape))
    lines = [line for target, shape in pairs for line in _changed(target, shape, accept_rest)]
    lines += [{"action": "reject", "target": id} for id in left]
    lines += [] if texts is None else _texts(record, texts, accept_rest)
    return [{"key": record.key, **line} for line in lines]


def _nearest(shape: MarkedShape, left: Mapping[str, CorrectionTarget]) -> CorrectionTarget | None:
    """The region that a shape without a known id is: of its kind, where it is, one with its label before others."""
    near = [
        (target.text == shape.text, iou(target.box, shape.box), target)
        for target in left.values()
        if target.on == shape.on and target.box is not None
    ]
    linked = [entry for entry in near if entry[1] >= LINKED_IOU]
    return max(linked, key=lambda entry: entry[:2])[2] if linked else None


def _changed(target: CorrectionTarget | None, shape: MarkedShape, accept_rest: bool) -> list[dict[str, Any]]:
    name = "label" if shape.on == "region" else "text"
    place: dict[str, Any] = {"box": list(shape.box)} | ({} if shape.quad is None else {"quad": list(shape.quad)})
    if target is None:
        return [{"action": "add", name: shape.text, **place}]
    lines: list[dict[str, Any]] = []
    if target.box is not None and max(abs(a - b) for a, b in zip(target.box, shape.box, strict=True)) > STILL_PX:
        lines.append({"action": "move", "target": target.id, **place})
    if target.text != shape.text:
        lines.append({"action": "relabel" if name == "label" else "text", "target": target.id, name: shape.text})
    if not lines and accept_rest:
        lines.append({"action": "accept", "target": target.id})
    return lines


def _texts(record: Record, texts: Mapping[str, Sequence[str]], accept_rest: bool) -> list[dict[str, Any]]:
    """Texts of one size are compared in their order, after those that are still the same."""
    lines: list[dict[str, Any]] = []
    for size in ("brief", "detailed", "more_detailed"):
        now = [text for text in texts.get(size, ()) if text.strip()]
        before = [text for text in record.texts if text.granularity == size]
        if accept_rest:
            lines += [{"action": "accept", "target": text.id} for text in before if text.text in now]
        old = [text for text in before if text.text not in now]
        new = [text for text in now if text not in [old.text for old in before]]
        both = min(len(old), len(new))
        lines += [
            {"action": "text", "target": was.id, "text": text} for was, text in zip(old[:both], new[:both], strict=True)
        ]
        lines += [{"action": "reject", "target": was.id} for was in old[both:]]
        lines += [{"action": "add", "text": text, "granularity": size} for text in new[both:]]
    return lines
