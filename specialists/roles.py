"""The roles a specialist can play: what goes in, what comes out, and in which frame.

Common to all roles
- Images are uint8 RGB `[h, w, 3]`, h and w at least 1, already oriented; boxes and quads are float32 pixels of that
  image. A batch goes in as a list, a list of the same length and order comes out; an empty batch gives an empty list.
- A specialist never filters: it returns what its model said above a very low floor, with scores in [0, 1].
- Building one is cheap and happens on the driver. Only `load()` imports its library and touches weights; it runs
  once per worker process. A verb called before it raises `SpecialistError`.
- `fingerprint()` says everything that changes the output and nothing else, and needs no `load()`.
- Bad input (wrong dtype, wrong shape) raises ValueError; a missing package or file raises `MissingRequirementError`.
"""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shards.errors import ModelError, StoppedError
from shards.finding import Granularity, Polygons

Image = NDArray[np.uint8]
Boxes = NDArray[np.float32]
Scores = NDArray[np.float32]


class SpecialistError(ModelError):
    """A specialist that cannot do its work: not loaded, or its model failed on a whole batch."""


class MissingRequirementError(SpecialistError):
    """A package or weight file that is not there. One line: who needs it, what is missing, the command."""


class ItemError(SpecialistError):
    """One image of the batch has no acceptable answer (a refused or cut-off text, say); `index` is its position.

    The engine quarantines exactly that image with the message as reason and runs the others again.
    """

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(reason)
        self.index = index
        self.reason = reason

    def __reduce__(self) -> tuple[type["ItemError"], tuple[int, str]]:
        return ItemError, (self.index, self.reason)


class RunStopError(StoppedError):
    """No image can be done any more, and none is to blame: a refused key, no credit left, a spent budget. The engine
    ends the run; what is finished stays finished."""


Fingerprint = dict[str, str | int | float | bool | list[str] | None]
"""Flat facts: backend, library major version, weight hash or pinned revision, prompts, output-changing settings."""


@dataclass(frozen=True, eq=False)
class ScoredCaption:
    """A text and the model's confidence in it: exp of the mean token log-probability, in [0, 1], or None."""

    text: str
    score: float | None = None


@dataclass(frozen=True, eq=False)
class Detections:
    """n objects: boxes float32 [n, 4] xyxy px clipped to the image, scores float32 [n], n labels ("" = none)."""

    boxes: Boxes
    scores: Scores
    labels: list[str]

    def __post_init__(self) -> None:
        check_shapes("Detections", len(self.labels), boxes=(self.boxes, 4), scores=(self.scores, None))


@dataclass(frozen=True, eq=False)
class Words:
    """n text regions: quads float32 [n, 8] px clockwise from the text's top left; scores float32 [n]; n strings."""

    quads: NDArray[np.float32]
    scores: Scores
    texts: list[str]

    def __post_init__(self) -> None:
        check_shapes("Words", len(self.texts), quads=(self.quads, 8), scores=(self.scores, None))


@dataclass(frozen=True, eq=False)
class Phrase:
    """A phrase of a text and where it is: text[start:end]; score in [0, 1] or None; boxes [k, 4], box_scores [k]."""

    start: int
    end: int
    score: float | None
    boxes: Boxes
    box_scores: Scores

    def __post_init__(self) -> None:
        check_shapes("Phrase", len(self.boxes), boxes=(self.boxes, 4), box_scores=(self.box_scores, None))


@dataclass(frozen=True, eq=False)
class Masks:
    """n masks as polygons (see `shards.finding.Ring`), one per prompt box and in its order; scores float32 [n]
    (predicted IoU). An empty mask has no rings."""

    polygons: list[Polygons]
    scores: Scores

    def __post_init__(self) -> None:
        check_shapes("Masks", len(self.polygons), scores=(self.scores, None))


@dataclass(frozen=True, eq=False)
class Context:
    """What is already known of an image, for a describer: its brief text, and (text, box xyxy px) per region."""

    brief: str
    regions: list[tuple[str, tuple[float, float, float, float]]] = field(default_factory=list)


class Captioner(Protocol):
    """Texts for whole images or crops."""

    def load(self) -> None: ...
    def caption(self, images: list[Image], granularity: Granularity) -> list[ScoredCaption]: ...
    def fingerprint(self) -> Fingerprint: ...
    def close(self) -> None: ...


class Detector(Protocol):
    """Boxes with labels."""

    def load(self) -> None: ...
    def detect(self, images: list[Image]) -> list[Detections]: ...
    def fingerprint(self) -> Fingerprint: ...
    def close(self) -> None: ...


class Reader(Protocol):
    """Text in the picture."""

    def load(self) -> None: ...
    def read(self, images: list[Image]) -> list[Words]: ...
    def fingerprint(self) -> Fingerprint: ...
    def close(self) -> None: ...


class Grounder(Protocol):
    """Phrases of a text, tied to boxes. images[i] goes with texts[i]; an image with two texts is listed twice, as the
    same array object, and need be encoded once. Spans point into texts[i] as given."""

    def load(self) -> None: ...
    def ground(self, images: list[Image], texts: list[str]) -> list[list[Phrase]]: ...
    def fingerprint(self) -> Fingerprint: ...
    def close(self) -> None: ...


class Segmenter(Protocol):
    """A mask for every box: boxes[i] is float32 [n_i, 4] xyxy px of images[i]; n_i may be 0."""

    def load(self) -> None: ...
    def segment(self, images: list[Image], boxes: list[Boxes]) -> list[Masks]: ...
    def fingerprint(self) -> Fingerprint: ...
    def close(self) -> None: ...


class Matcher(Protocol):
    """Similarity of each crop with its own candidate texts: float32 [len(texts[i])] in [0, 1], higher is closer."""

    def load(self) -> None: ...
    def similarity(self, crops: list[Image], texts: list[list[str]]) -> list[Scores]: ...
    def fingerprint(self) -> Fingerprint: ...
    def close(self) -> None: ...


class Describer(Protocol):
    """Long texts from an image and what is known of it. A cut-off, empty or refused answer raises ItemError."""

    def load(self) -> None: ...
    def describe(
        self, images: list[Image], contexts: list[Context], granularity: Granularity
    ) -> list[ScoredCaption]: ...
    def fingerprint(self) -> Fingerprint: ...
    def close(self) -> None: ...


def check_images(images: list[Image]) -> None:
    """Raise ValueError naming the first image that is not uint8 RGB [h, w, 3] with h, w >= 1."""
    for index, image in enumerate(images):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            raise ValueError(f"images[{index}] must be uint8 [h, w, 3], got {image.dtype} {list(image.shape)}")


def check_shapes(owner: str, count: int, **arrays: tuple[NDArray[np.float32], int | None]) -> None:
    """Raise ValueError unless every array is float32 [count] (columns None) or [count, columns]."""
    for name, (array, columns) in arrays.items():
        wanted = (count,) if columns is None else (count, columns)
        if array.shape != wanted or array.dtype != np.float32:
            raise ValueError(f"{owner}.{name} must be float32 {list(wanted)}, got {array.dtype} {list(array.shape)}")
