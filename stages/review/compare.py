"""A picture as somebody left it in another tool, against its record: what was corrected there.

    record   r0 "dog" (10, 10, 90, 90)    r1 "cat" (200, ...)
    shapes   r0 "dog" (10, 12, 90, 90)    "ball" (300, ...)
    ->  move r0, reject r1, add "ball"                       as lines of corrections.jsonl, see docs/review.md

Shapes are told apart by the ids that our export wrote; without one, a shape is the region of its kind that it overlaps
most. An object that was exported as the outline of its mask is compared with the box around that outline, which need
not be its box. Blanks and line ends of texts are as good as each other: tools change them. What was left as it was is
no correction, unless `accept_rest`: then somebody has looked at it and it is accepted.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from shards.finding import Box, Quad
from shards.geometry import iou
from shards.record import Record
from stages.export.cvat import outline_box
from stages.review.lines import CorrectionTarget, target_of

LINKED_IOU = 0.5
STILL_PX = 1.0
"""How far a corner may be off by what a tool rounds."""


class MarkedShape(NamedTuple):
    """A box with a label (on: region), or written text with its quad (on: ocr). id: of our export, "" without one.
    outlined: the box is the one around an outline."""

    on: str
    text: str
    box: Box
    quad: Quad | None = None
    id: str = ""
    outlined: bool = False


class _Left(NamedTuple):
    """A region that no shape was found for yet. outline: the box around what is exported of its mask, px."""

    target: CorrectionTarget
    box: Box
    outline: Box

    def shown(self, shape: MarkedShape) -> Box:
        """Where the region was when a shape like this was exported."""
        return self.outline if shape.outlined else self.box


def corrections(
    record: Record, shapes: Sequence[MarkedShape], texts: Mapping[str, Sequence[str]] | None, accept_rest: bool
) -> list[dict[str, Any]]:
    """Lines without who and when. texts: granularity -> the texts as they are now; None: the tool showed none."""
    left = {region.id: _Left(target_of(region), region.box, outline_box(region)) for region in record.regions}
    pairs: list[tuple[_Left | None, MarkedShape]] = []
    for shape in sorted(shapes, key=lambda shape: shape.id not in left):
        found = left.get(shape.id) or _nearest(shape, left)
        if found is not None:
            del left[found.target.id]
        pairs.append((found, shape))
    lines = [line for found, shape in pairs for line in _changed(found, shape, accept_rest)]
    lines += [{"action": "reject", "target": id} for id in left]
    lines += [] if texts is None else _texts(record, texts, accept_rest)
    return [{"key": record.key, **line} for line in lines]


def _nearest(shape: MarkedShape, left: Mapping[str, _Left]) -> _Left | None:
    """The region that a shape without a known id is: of its kind, where it is, one with its label before others."""
    near = [
        (each.target.text == shape.text, iou(each.shown(shape), shape.box), each)
        for each in left.values()
        if each.target.on == shape.on
    ]
    linked = [entry for entry in near if entry[1] >= LINKED_IOU]
    return max(linked, key=lambda entry: entry[:2])[2] if linked else None


def _changed(found: _Left | None, shape: MarkedShape, accept_rest: bool) -> list[dict[str, Any]]:
    name = "label" if shape.on == "region" else "text"
    quad = {} if shape.quad is None else {"quad": list(shape.quad)}
    if found is None:
        return [{"action": "add", name: shape.text, "box": list(shape.box), **quad}]
    target, lines = found.target, list[dict[str, Any]]()
    moved = [now - before for before, now in zip(found.shown(shape), shape.box, strict=True)]
    if max(map(abs, moved)) > STILL_PX:
        box = [side + by for side, by in zip(found.box, moved, strict=True)] if shape.outlined else list(shape.box)
        lines.append({"action": "move", "target": target.id, "box": box, **quad})
    if _plain(target.text) != _plain(shape.text):
        lines.append({"action": "relabel" if name == "label" else "text", "target": target.id, name: shape.text})
    if not lines and accept_rest:
        lines.append({"action": "accept", "target": target.id})
    return lines


def _texts(record: Record, texts: Mapping[str, Sequence[str]], accept_rest: bool) -> list[dict[str, Any]]:
    """Texts of one size are compared in their order, after those that are still the same."""
    lines: list[dict[str, Any]] = []
    for size in ("brief", "detailed", "more_detailed"):
        now = [text for text in map(_plain, texts.get(size, ())) if text]
        before = [text for text in record.texts if text.granularity == size]
        if accept_rest:
            lines += [{"action": "accept", "target": text.id} for text in before if _plain(text.text) in now]
        old = [text for text in before if _plain(text.text) not in now]
        new = [text for text in now if text not in [_plain(old.text) for old in before]]
        both = min(len(old), len(new))
        lines += [
            {"action": "text", "target": was.id, "text": text} for was, text in zip(old[:both], new[:both], strict=True)
        ]
        lines += [{"action": "reject", "target": was.id} for was in old[both:]]
        lines += [{"action": "add", "text": text, "granularity": size} for text in new[both:]]
    return lines


def _plain(text: str) -> str:
    return " ".join(text.split())
