"""A scene with its gold: `draw_scene(seed, index, settings)` -> `Scene(image, record)`.

The gold is an ordinary record whose source is the annotator "gold": boxes and polygons of the *visible* part of every
object, captions, noun phrases with their boxes, and the words on signs with their quads.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from shards.finding import Box, Granularity, Polygons, Quad
from shards.geometry import polygons_box, signed_area
from shards.record import Candidate, GroundedBox, Grounding, Record, Region, Source, Text, Vote
from stages.scenes.light import dusk
from stages.scenes.prose import Mention, Story, noun_phrase, write
from stages.scenes.raster import SCALE
from stages.scenes.scene import Drawing, compose_scene
from stages.scenes.settings import VERSION, SceneSettings

ANNOTATOR = "gold"
FINGERPRINT = f"scenes-{VERSION}"
GRANULARITIES: tuple[Granularity, ...] = ("brief", "detailed", "more_detailed")
_SMALLEST_RING = 3.0
"""Picture pixels: slivers between two things in front are not worth a ring."""
_TOLERANCE = 0.9
"""Drawn pixels by which a simplified outline may be off."""


@dataclass(frozen=True, eq=False)
class Scene:
    """image: uint8 RGB [h, w, 3]. record: the gold."""

    image: NDArray[np.uint8]
    record: Record


def draw_scene(seed: int, index: int, settings: SceneSettings | None = None) -> Scene:
    """The scene number `index` of `seed`; equal arguments give equal bytes. Raises ValueError for a negative number."""
    settings = settings or SceneSettings()
    drawing = compose_scene(seed, index, settings)
    image = dusk(drawing.image, seed, index) if settings.light == "dusk" else drawing.image
    return Scene(image, gold_record(drawing, f"scene-{seed}-{index:06d}"))


def gold_record(drawing: Drawing, key: str) -> Record:
    """The gold of a drawing. sha256 and uri are empty: they belong to the file (`stages.scenes.write`)."""
    outlines = [mask_rings(drawing.owner == position) for position in range(len(drawing.layout.things))]
    boxes = [polygons_box(polygons) for polygons in outlines]
    texts, groundings = _texts(drawing, boxes)
    return Record(
        key=key, uri="", sha256="", width=drawing.layout.width, height=drawing.layout.height, round=0,
        texts=texts, regions=[*_objects(drawing, boxes, outlines), *_words(drawing)], groundings=groundings,
    )  # fmt: skip


def mask_rings(mask: NDArray[np.bool_]) -> Polygons:
    """Rings along the pixel edges of a mask of drawn pixels, in picture pixels: outer rings clockwise on screen, holes
    counter-clockwise. cv2 walks along pixel centres; doubled first, an even coordinate 2k is the left or top edge k
    of its pixel and an odd one, 2k + 1, the right or bottom edge k + 1."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    cut = mask[top : rows[-1] + 1, left : columns[-1] + 1].astype(np.uint8)
    doubled = cv2.resize(cut, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    contours, hierarchy = cv2.findContours(doubled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    rings: list[tuple[float, list[float]]] = []
    for contour, links in zip(contours, hierarchy[0] if contours else (), strict=True):
        on_edges = ((contour + 1) // 2 + (left, top)).astype(np.int32)
        points = cv2.approxPolyDP(on_edges, _TOLERANCE, True)[:, 0, :].astype(np.float64) / SCALE
        area = signed_area(points)
        if len(points) < 3:
            continue
        is_hole = links[3] >= 0
        if (area > 0) == is_hole:
            points = points[::-1]
        rings.append((abs(area), [round(float(v), 2) for v in points.ravel()]))
    kept = [ring for area, ring in rings if area >= _SMALLEST_RING]
    return kept or [max(rings)[1]]


def story(drawing: Drawing, boxes: list[Box]) -> Story:
    """The groups that are seen, the one that covers most of the picture first."""
    layout = drawing.layout
    seen = np.bincount(drawing.owner.ravel().astype(np.int64) + 1, minlength=len(layout.things) + 1)[1:]
    mentions = []
    for index, group in enumerate(layout.groups):
        members = tuple(i for i, thing in enumerate(layout.things) if thing.group == index)
        if members:
            own = np.array([boxes[i] for i in members], dtype=np.float64)
            mentions.append(Mention(group, own, float(seen[list(members)].sum()), max(members), members))
    mentions.sort(key=lambda mention: -mention.area)
    return Story(layout.place, layout.width, layout.height, mentions)


def _source(ref: str) -> Source:
    return Source(ANNOTATOR, FINGERPRINT, 0, None, f"{ANNOTATOR}/{ref}")


def _objects(drawing: Drawing, boxes: list[Box], outlines: list[Polygons]) -> list[Region]:
    regions = []
    for i, (thing, box, polygons) in enumerate(zip(drawing.layout.things, boxes, outlines, strict=True)):
        group, source = drawing.layout.groups[thing.group], _source(f"r{i}")
        candidates = [
            Candidate("phrase", group.kind.name, None, source),
            Candidate("brief", noun_phrase(group, 1), None, source),
        ]
        vote = Vote(box, group.kind.name, None, 1.0, source)
        regions.append(Region(f"r{i}", "object", box, 1.0, candidates, 1, [vote], polygons=polygons))
    return regions


def _words(drawing: Drawing) -> list[Region]:
    """Every word that is wholly in the picture and that nothing hides."""
    regions: list[Region] = []
    for position, thing in enumerate(drawing.layout.things):
        for word in thing.words:
            corners = np.round(word.quad, 2)
            if not _legible(drawing, position, corners):
                continue
            ident = f"w{len(regions)}"
            quad: Quad = tuple(float(v) for v in corners.ravel())  # type: ignore[assignment]
            low, high = corners.min(axis=0), corners.max(axis=0)
            box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
            source = _source(ident)
            candidates = [Candidate("ocr", word.text, None, source)]
            regions.append(
                Region(ident, "text", box, 1.0, candidates, 0, [Vote(box, word.text, None, 1.0, source)], quad)
            )
    return regions


def _legible(drawing: Drawing, position: int, quad: NDArray[np.float64]) -> bool:
    """Whether the sign itself is in front everywhere in the quad, and the quad is inside the picture."""
    frame = (drawing.layout.width, drawing.layout.height)
    if quad.min() < 0 or (quad > frame).any():
        return False
    inside = np.zeros(drawing.owner.shape, dtype=np.uint8)
    cv2.fillPoly(inside, [np.round(quad * SCALE).astype(np.int32)], 1)
    under = drawing.owner[inside > 0]
    return bool((under == position).mean() > 0.97)


def _texts(drawing: Drawing, boxes: list[Box]) -> tuple[list[Text], list[Grounding]]:
    told = story(drawing, boxes)
    texts, groundings = [], []
    for index, granularity in enumerate(GRANULARITIES):
        prose, ident = write(told, granularity), f"t{index}"
        texts.append(Text(ident, granularity, prose.text, _source(ident)))
        for span, members in prose.phrases:
            places = [GroundedBox(boxes[i], 1.0, _source(f"r{i}"), f"r{i}") for i in members]
            groundings.append(Grounding(ident, span, prose.text[span[0] : span[1]], 1.0, places))
    return texts, groundings
