"""The detector's stage: labelled boxes of whole images.

Comes in: images. Goes out: `Detection`s in the detector's order, nothing filtered:

    detector/0  Detection("dog", 0.91, box=(12.0, 30.5, 200.0, 180.25))

With `tiles` the detector looks at parts of every image, too (tiles.py), and the surest box comes first.
"""

from typing import Annotated, Literal, cast

from pydantic import Field

from shards.finding import Finding
from shards.settings import Settings
from specialists.custom import CustomSettings, build_custom
from specialists.detr import DetrDetector, DetrSettings
from specialists.florence2 import Florence2Detector, Florence2DetectorSettings
from specialists.roles import Detector, Fingerprint
from specialists.ultralytics_yolo import UltralyticsDetector, UltralyticsSettings
from stages.annotate.resources import Resources
from stages.annotate.tiles import TileSettings, found_in_parts
from stages.findings import object_findings
from stages.stage import Item

DetectorSettings = Annotated[
    UltralyticsSettings | DetrSettings | Florence2DetectorSettings | CustomSettings, Field(discriminator="backend")
]


class ObjectsSettings(Settings):
    """An annotator that finds objects."""

    role: Literal["detector"] = Field("detector", description="finds objects: boxes with labels")
    specialist: DetectorSettings = Field(UltralyticsSettings(), description="the model")
    tiles: TileSettings | None = Field(
        None, description="also look at parts of every image, where things are larger; null: at the whole only"
    )
    needs: list[str] | None = Field(None, description="annotators that must run before; a detector uses none")
    resources: Resources = Field(Resources(), description="what one actor needs")


def build_detector(settings: DetectorSettings) -> Detector:
    """The specialist of these settings; cheap, nothing is loaded."""
    match settings:
        case UltralyticsSettings():
            return UltralyticsDetector(settings)
        case DetrSettings():
            return DetrDetector(settings)
        case Florence2DetectorSettings():
            return Florence2Detector(settings)
        case CustomSettings():
            return cast(Detector, build_custom(settings, "detect"))


class ObjectsStage:
    """Detects objects in whole images."""

    def __init__(self, settings: ObjectsSettings, detector: Detector | None = None) -> None:
        self._detector = detector or build_detector(settings.specialist)
        self._tiles = settings.tiles

    def load(self) -> None:
        """Load the detector."""
        self._detector.load()

    def close(self) -> None:
        """Close the detector."""
        self._detector.close()

    def fingerprint(self) -> Fingerprint:
        """The detector's facts, and how it looks at parts if it does."""
        facts = self._detector.fingerprint()
        return facts if self._tiles is None else {**facts, "tiles": self._tiles.model_dump_json()}

    def run(self, items: list[Item]) -> list[list[Finding]]:
        """Detections per item."""
        images = [item.image for item in items]
        if self._tiles is None:
            found = self._detector.detect(images)
        else:
            found = found_in_parts(self._detector.detect, images, self._tiles)
        return [object_findings(detections) for detections in found]
