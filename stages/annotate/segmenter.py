"""Segmenter -> `Mask`s: the outline of what each upstream box holds.

Comes in: items with the boxes of other annotators (which of them: `boxes.BoxInputs`). Goes out, per chosen box:

    Mask(score=0.94, about="detector/0", polygons=[[12, 30, 200, 31, ...]])

A box whose mask came out empty has a finding too, with no polygons: it was tried.
"""

from typing import Annotated, Literal, cast

import numpy as np
from pydantic import Field

from shards.finding import Finding, Mask
from shards.settings import Settings
from specialists.custom import CustomSettings, build_custom
from specialists.roles import Boxes, Fingerprint, Masks, Segmenter
from specialists.sam_hf import SamHf, SamHfSettings
from specialists.segment_anything_sam import SegmentAnything, SegmentAnythingSettings
from stages.annotate.boxes import BoxInput, BoxInputs, choose_boxes
from stages.annotate.resources import Resources
from stages.stage import Item

SegmenterSettings = Annotated[SegmentAnythingSettings | SamHfSettings | CustomSettings, Field(discriminator="backend")]


class MasksSettings(Settings):
    """An annotator that draws masks into the boxes of others."""

    role: Literal["segmenter"] = Field("segmenter", description="draws a mask into every box")
    specialist: SegmenterSettings = Field(SegmentAnythingSettings(), description="the model")
    boxes: BoxInputs = Field(BoxInputs(kinds=["object", "phrase"]), description="which boxes get a mask")
    needs: list[str] | None = Field(None, description="annotators whose boxes get masks; null: all that find boxes")
    resources: Resources = Field(Resources(), description="what one actor needs")


def build_segmenter(settings: SegmenterSettings) -> Segmenter:
    """The specialist of these settings; cheap, nothing is loaded."""
    match settings:
        case SegmentAnythingSettings():
            return SegmentAnything(settings)
        case SamHfSettings():
            return SamHf(settings)
        case CustomSettings():
            return cast(Segmenter, build_custom(settings, "segment"))


class MasksStage:
    """See `stages.stage.Stage`."""

    def __init__(self, settings: MasksSettings, segmenter: Segmenter | None = None) -> None:
        self.segmenter = segmenter or build_segmenter(settings.specialist)
        self.boxes = settings.boxes

    def load(self) -> None:
        self.segmenter.load()

    def run(self, items: list[Item]) -> list[list[Finding]]:
        chosen = [choose_boxes(item.findings, item.image.shape[1], item.image.shape[0], self.boxes) for item in items]
        found = self.segmenter.segment([item.image for item in items], [_array(inputs) for inputs in chosen])
        return [_findings(inputs, masks) for inputs, masks in zip(chosen, found, strict=True)]

    def fingerprint(self) -> Fingerprint:
        return {"boxes": self.boxes.model_dump_json(), **self.segmenter.fingerprint()}

    def close(self) -> None:
        self.segmenter.close()


def _array(inputs: list[BoxInput]) -> Boxes:
    return np.array([box_input.box for box_input in inputs], np.float32).reshape(-1, 4)


def _findings(inputs: list[BoxInput], masks: Masks) -> list[Finding]:
    return [
        Mask(score=float(score), about=box_input.ref, polygons=polygons)
        for box_input, polygons, score in zip(inputs, masks.polygons, masks.scores, strict=True)
    ]
