"""Florence-2's prompts and its target text: places as words `<loc_0>` ... `<loc_999>`, and back.

Comes in: boxes, quads, rings and labels of one image, or the text a Florence-2 generated. Goes out: the target text,
or what it says, still in bins. One detection target of a 640x480 picture (both dogs follow one label):

    dog<loc_18><loc_63><loc_312><loc_375><loc_500><loc_0><loc_999><loc_999>ball<loc_328><loc_312><loc_375><loc_377>

Prompts, quantiser and grammar are those of the released checkpoints as transformers has them
(`models/florence2/processing_florence2.py`, 5.23). Two deliberate differences, both tested:
- `dequantize` returns the middle of the bin as a float; transformers cuts it to an integer, 1 px low half the time.
- A damaged answer costs only the damaged item: in transformers a box with three numbers also spoils the label that
  follows, a box without a label is lost, and letters beyond ASCII are cut out of labels. On text that the functions
  below build, both parsers say the same.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from shards.finding import Box, Granularity, Polygons, Quad, Span

BINS = 1000

Task = Literal[
    "<CAPTION>",
    "<DETAILED_CAPTION>",
    "<MORE_DETAILED_CAPTION>",
    "<OCR>",
    "<OCR_WITH_REGION>",
    "<OD>",
    "<DENSE_REGION_CAPTION>",
    "<REGION_PROPOSAL>",
    "<CAPTION_TO_PHRASE_GROUNDING>",
    "<REFERRING_EXPRESSION_SEGMENTATION>",
    "<REGION_TO_SEGMENTATION>",
    "<OPEN_VOCABULARY_DETECTION>",
    "<REGION_TO_CATEGORY>",
    "<REGION_TO_DESCRIPTION>",
    "<REGION_TO_OCR>",
]

PROMPTS: dict[Task, str] = {
    "<CAPTION>": "What does the image describe?",
    "<DETAILED_CAPTION>": "Describe in detail what is shown in the image.",
    "<MORE_DETAILED_CAPTION>": "Describe with a paragraph what is shown in the image.",
    "<OCR>": "What is the text in the image?",
    "<OCR_WITH_REGION>": "What is the text in the image, with regions?",
    "<OD>": "Locate the objects with category name in the image.",
    "<DENSE_REGION_CAPTION>": "Locate the objects in the image, with their descriptions.",
    "<REGION_PROPOSAL>": "Locate the region proposals in the image.",
    "<CAPTION_TO_PHRASE_GROUNDING>": "Locate the phrases in the caption: {input}",
    "<REFERRING_EXPRESSION_SEGMENTATION>": "Locate {input} in the image with mask",
    "<REGION_TO_SEGMENTATION>": "What is the polygon mask of region {input}",
    "<OPEN_VOCABULARY_DETECTION>": "Locate {input} in the image.",
    "<REGION_TO_CATEGORY>": "What is the region {input}?",
    "<REGION_TO_DESCRIPTION>": "What does the region {input} describe?",
    "<REGION_TO_OCR>": "What text is in the region {input}?",
}
"""Task -> the question that the model reads; `{input}` is replaced by a clean text or by the locations of a region."""

CAPTION_TASKS: dict[Granularity, Task] = {
    "brief": "<CAPTION>",
    "detailed": "<DETAILED_CAPTION>",
    "more_detailed": "<MORE_DETAILED_CAPTION>",
}

_LOOKALIKE = re.compile(r"</?\w+>")
_SEPARATOR = re.compile(r"</?\w+>|<")
_LOCATION = re.compile(r"<loc_(\d+)>")
_LOCATIONS = re.compile(r"(?:<loc_\d+>)+")
_PLACES = re.compile(r"(?:<loc_\d+>|<sep>|</?poly>)+")
_INSTANCE = re.compile(r"<poly>(.*?)</poly>")
_ENDS = re.compile(r"<s>|</s>|<pad>")
_TYPOGRAPHY = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "..."})


@dataclass(frozen=True)
class Located:
    """A label and one place, as a model wrote it: bins are 4 numbers (box), 8 (quad); spans point into the text."""

    label: str
    bins: tuple[int, ...]
    label_span: Span
    span: Span


@dataclass(frozen=True)
class Outlined:
    """A label and the rings of one instance, each a flat x y x y ... of bins."""

    label: str
    rings: list[list[int]]


@dataclass(frozen=True)
class Question:
    """What a model is asked about an image. subject: what the task is about besides it, a text or the locations of a
    region. answer: somebody's answer, whose probability is wanted; None: the model's own answer is."""

    task: Task
    subject: str = ""
    answer: str | None = None

    @property
    def prompt(self) -> str:
        """The question as the model reads it. Raises ValueError where subject and task do not go together."""
        return prompt(self.task, self.subject)


def prompt(task: Task, text: str = "") -> str:
    """The question for a task. `text` is cleaned of anything that reads as one of the model's own tokens, except
    locations where the task is about a region. Raises ValueError if the task takes none and gets one, or vice versa.
    """
    if task not in PROMPTS:
        raise ValueError(f"task must be one of {', '.join(get_args(Task))}, got {task!r}")
    template = PROMPTS[task]
    if ("{input}" in template) != bool(text.strip()):
        wanted = "a text" if "{input}" in template else "no text"
        raise ValueError(f"{task} takes {wanted} besides the image, got {text!r}")
    about_region = task.startswith("<REGION_TO_")
    return template.replace("{input}", text.strip() if about_region else clean_text(text))


def quantize(coordinates: Sequence[float], width: int, height: int) -> list[int]:
    """Flat x y x y ... in pixels to bins 0..999: floor(v / (size / 1000)), clamped; single precision as upstream."""
    points = np.asarray(coordinates, dtype=np.float32).reshape(-1, 2)
    per_bin = np.array([width / BINS, height / BINS], dtype=np.float32)
    return [int(v) for v in np.clip(np.floor(points / per_bin), 0, BINS - 1).reshape(-1)]


def dequantize(bins: Sequence[int], width: int, height: int) -> list[float]:
    """Flat bins x y x y ... to the pixels in the middle of each bin: (bin + 0.5) * size / 1000."""
    return [(b + 0.5) * (height if i % 2 else width) / BINS for i, b in enumerate(bins)]


def locations(bins: Iterable[int]) -> str:
    """`[3, 999]` is "<loc_3><loc_999>"."""
    return "".join(f"<loc_{b}>" for b in bins)


def clean_text(text: str) -> str:
    """Free text without look-alikes of special tokens (`</s>`, `<loc_5>`, `<b>`) and with single spaces."""
    return " ".join(_LOOKALIKE.sub(" ", text).split())


def clean_label(text: str) -> str:
    """A label that survives a round trip: clean_text, no `<`, folded to ASCII ("café" -> "cafe"); may end up empty."""
    folded = unicodedata.normalize("NFKD", text.translate(_TYPOGRAPHY)).encode("ascii", "ignore").decode("ascii")
    return " ".join(clean_text(folded).replace("<", " ").split())


def regions_target(regions: Iterable[tuple[str, Box]], width: int, height: int) -> str:
    """<OD>, <DENSE_REGION_CAPTION>: boxes of one label follow that label once, labels in order of first appearance.

    Raises ValueError for a label with nothing left after `clean_label`: an object without a label cannot be written.
    """
    places: dict[str, str] = {}
    for label, box in regions:
        name = _written(label)
        places[name] = places.get(name, "") + locations(quantize(box, width, height))
    return "".join(label + place for label, place in places.items())


def phrases_target(phrases: Iterable[tuple[str, Sequence[Box]]], width: int, height: int) -> str:
    """<CAPTION_TO_PHRASE_GROUNDING>: every phrase that has boxes, in the order of the caption, never merged."""
    return "".join(
        _written(phrase) + "".join(locations(quantize(box, width, height)) for box in boxes)
        for phrase, boxes in phrases
        if boxes
    )


def proposals_target(boxes: Iterable[Box], width: int, height: int) -> str:
    """<REGION_PROPOSAL>: boxes without any text."""
    return "".join(locations(quantize(box, width, height)) for box in boxes)


def words_target(words: Iterable[tuple[str, Quad]], width: int, height: int) -> str:
    """<OCR_WITH_REGION>: text and the four corners, clockwise from its top left. Any script; raises for empty text."""
    items = []
    for text, quad in words:
        if not (clean := clean_text(text)):
            raise ValueError(f"a text region needs text, got {text!r}: leave it out")
        items.append(clean + locations(quantize(quad, width, height)))
    return "".join(items)


def polygons_target(instances: Sequence[Polygons], width: int, height: int) -> str:
    """Segmentation answers: rings of one instance joined by <sep>; several instances each inside <poly></poly>."""
    texts = ["<sep>".join(locations(quantize(ring, width, height)) for ring in rings) for rings in instances]
    return texts[0] if len(texts) == 1 else "".join(f"<poly>{text}</poly>" for text in texts)


def parse_regions(text: str) -> list[Located]:
    """Labelled boxes of a detection, dense caption, proposal or grounding answer, in its order.

    Boxes of one label come as several items with equal label_span. A box without label has label "".
    """
    return [place for place in _places(text, 4) if len(place.bins) == 4]


def parse_words(text: str) -> list[Located]:
    """Text regions of an <OCR_WITH_REGION> answer: bins hold 8 numbers. Quads without text are left out."""
    return [place for place in _places(text, 8, cut_labels=False) if place.label]


def parse_polygons(text: str) -> list[Outlined]:
    """Instances of a segmentation answer with their label ("" where the task has none)."""
    text, instances, end = _ENDS.sub("", text), [], 0
    for run in _PLACES.finditer(text):
        start, stop = _label(text, end, run.start())
        end = run.end()
        for instance in _INSTANCE.findall(run.group()) or [run.group()]:
            rings = [_even([int(b) for b in _LOCATION.findall(part)]) for part in instance.split("<sep>")]
            if rings := [ring for ring in rings if ring]:
                instances.append(Outlined(text[start:stop], rings))
    return instances


def parse_text(text: str) -> str:
    """The plain answer of captioning, region-to-text and <OCR> tasks."""
    return _ENDS.sub("", text).strip()


def _places(text: str, size: int, cut_labels: bool = True) -> list[Located]:
    """Runs of locations cut into places of `size` numbers (an incomplete rest is ignored), with the label before."""
    places, end = [], 0
    for run in _LOCATIONS.finditer(text):
        label_span = _label(text, end, run.start(), cut_labels)
        end = run.end()
        label = " ".join(_ENDS.sub("", text[slice(*label_span)]).split())
        tokens = list(_LOCATION.finditer(text, *run.span()))
        for i in range(0, len(tokens) - size + 1, size):
            place = tokens[i : i + size]
            bins = tuple(int(token.group(1)) for token in place)
            places.append(Located(label, bins, label_span, (place[0].start(), place[-1].end())))
            if not cut_labels:
                break  # a second quad has no text of its own
    return places


def _label(text: str, start: int, end: int, cut: bool = True) -> Span:
    """Span of the label in text[start:end]: what follows the last special token or `<`, without outer spaces."""
    separators = list((_SEPARATOR if cut else _ENDS).finditer(text, start, end))
    start = separators[-1].end() if separators else start
    part = text[start:end]
    start += len(part) - len(part.lstrip())
    return start, max(start, start + len(part.strip()))


def _written(label: str) -> str:
    if not (clean := clean_label(label)):
        raise ValueError(f"a label needs ASCII letters or digits after cleaning, got {label!r}: leave the box out")
    return clean


def _even(values: list[int]) -> list[int]:
    return values[: len(values) // 2 * 2]
