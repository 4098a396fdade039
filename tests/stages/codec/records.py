"""Generated records: labels in any script, boxes and outlines anywhere, texts whose words are phrases."""

import math
from typing import cast

import numpy as np
from hypothesis import strategies as st

from shards.finding import Box, Polygons, Quad
from shards.record import Candidate, GroundedBox, Grounding, Record, Region, Source, Text

SOURCE = Source("gold", "f0", 0, None, "gold/0")
WORDS = (
    "dog",
    "A dog",
    "café",
    "red car",
    "<loc_5>",
    "a<b",
    "猫",
    "</s>",
    " two  cats ",
    "x" * 40,
    "Ж1",
    "stop.",
    "\n",
)

labels = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12) | st.sampled_from(WORDS)
unit = st.floats(0, 1, allow_nan=False, width=32)
sizes = st.integers(1, 4000)
scores = st.floats(0, 1, allow_nan=False)


def object_region(
    ident: str, name: str | None, brief: str | None, box: Box, score: float = 1.0, polygons: Polygons | None = None
) -> Region:
    """An object with a candidate of kind phrase and one of kind brief, where given."""
    named = [("phrase", name), ("brief", brief), ("chunk", "a chunk")]
    candidates = [Candidate(kind, text, None, SOURCE) for kind, text in named if text is not None]  # type: ignore[arg-type]
    return Region(ident, "object", box, score, candidates, 0, [], polygons=polygons)


def text_region(ident: str, text: str, box: Box, score: float = 1.0, quad: Quad | None = None) -> Region:
    """A text region."""
    return Region(ident, "text", box, score, [Candidate("ocr", text, None, SOURCE)], 0, [], quad=quad)


def record(
    regions: list[Region], texts: list[str], grounded: list[tuple[int, str, list[GroundedBox]]], size: tuple[int, int]
) -> Record:
    """grounded: index of a text, one of its phrases, boxes. Granularities take turns."""
    levels = ("brief", "detailed", "more_detailed")
    said = [Text(f"t{i}", levels[i % 3], text, SOURCE) for i, text in enumerate(texts)]  # type: ignore[arg-type]
    groundings = [
        Grounding(f"t{i}", (at, at + len(phrase)), phrase, 0.5, boxes)
        for i, phrase, boxes in grounded
        if (at := texts[i].find(phrase)) >= 0
    ]
    return Record("a", "", "", *size, 0, said, regions, groundings)


@st.composite
def boxes(draw: st.DrawFn, size: tuple[int, int]) -> Box:
    """x0 <= x1, y0 <= y1, inside the image."""
    x, y = sorted(draw(st.tuples(unit, unit))), sorted(draw(st.tuples(unit, unit)))
    return x[0] * size[0], y[0] * size[1], x[1] * size[0], y[1] * size[1]


@st.composite
def outlines(draw: st.DrawFn, box: Box) -> Polygons | None:
    """None, or one or two clockwise rings of up to 90 corners in the box."""
    rings = []
    for corners in draw(st.lists(st.integers(3, 90), max_size=2)):
        radius = [0.5 + 0.5 * math.sin(7.0 * i + corners) ** 2 for i in range(corners)]
        rings.append(_star(box, radius))
    return rings or None


def _star(box: Box, radius: list[float]) -> list[float]:
    middle = np.array([box[0] + box[2], box[1] + box[3]]) / 2
    half = np.array([box[2] - box[0], box[3] - box[1]]) / 2
    turn = np.linspace(0, 2 * np.pi, len(radius), endpoint=False)
    points = middle + half * np.array(radius)[:, None] * np.column_stack([np.cos(turn), np.sin(turn)])
    return cast(list[float], points.reshape(-1).tolist())


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Up to six objects, three text regions and three texts with some of their words grounded."""
    size = draw(st.tuples(sizes, sizes))
    found = []
    for index in range(draw(st.integers(0, 6))):
        box = draw(boxes(size))
        name, brief = draw(labels | st.none()), draw(labels | st.none())
        found.append(object_region(f"r{index}", name, brief, box, draw(scores), draw(outlines(box))))
    for index in range(draw(st.integers(0, 3))):
        x0, y0, x1, y1 = draw(boxes(size))
        quad: Quad | None = draw(st.sampled_from([None, (x0, y0, x1, y0, x1, y1, x0, y1)]))
        found.append(text_region(f"w{index}", draw(labels), (x0, y0, x1, y1), draw(scores), quad))
    texts, grounded = [], []
    for index in range(draw(st.integers(0, 3))):
        phrases = draw(st.lists(labels.filter(bool), max_size=4))
        texts.append(" and ".join(phrases))
        for phrase in phrases:
            placed = [GroundedBox(draw(boxes(size)), 0.5, SOURCE) for _ in range(draw(st.integers(0, 2)))]
            regions = draw(st.lists(st.sampled_from(found), max_size=1)) if found else []
            placed += [GroundedBox(r.box, 0.5, SOURCE, r.id if r.kind == "object" else None) for r in regions]
            grounded.append((index, phrase, placed))
    return record(found, texts, grounded, size)


def random_record(rng: np.random.Generator) -> Record:
    """Like `records`, much faster and without shrinking: for tests that want thousands."""
    size = (int(rng.integers(1, 4000)), int(rng.integers(1, 4000)))

    def box() -> Box:
        x, y = np.sort(rng.random(2)) * size[0], np.sort(rng.random(2)) * size[1]
        return float(x[0]), float(y[0]), float(x[1]), float(y[1])

    def some(words: tuple[str, ...]) -> str:
        return " ".join(rng.choice(words, rng.integers(1, 4)))

    found = []
    for index in range(rng.integers(0, 4)):
        place = box()
        rings = [_star(place, list(rng.random(n) + 0.2)) for n in rng.integers(3, 40, rng.integers(0, 3))]
        found.append(object_region(f"r{index}", some(WORDS), some(WORDS), place, rng.random(), rings or None))
    words = [text_region(f"w{index}", some(WORDS), box(), rng.random()) for index in range(rng.integers(0, 4))]
    texts = [some(WORDS) for _ in range(rng.integers(0, 4))]
    grounded = [
        (
            index,
            str(rng.choice(text.split() or ["."])),
            [GroundedBox(box(), 0.5, SOURCE) for _ in range(rng.integers(0, 3))],
        )
        for index, text in enumerate(texts)
        for _ in range(2)
    ]
    return record([*found, *words], texts, grounded, size)
