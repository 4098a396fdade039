"""From an annotator's settings to its stage, and who needs whom: the one place that knows all roles.

    detector:                        build_stage(settings, name)
      role: detector           ->    ObjectsStage(UltralyticsDetector(...))
      specialist: {backend: ultralytics, weights: "embedded:yolo-nano"}

An annotator *gives* kinds of findings and *wants* kinds of findings; it needs every annotator that gives what it
wants. `text` is a text about a whole image, `brief` a brief one, `crop` a text about a box.
"""

from typing import Annotated, Literal

from pydantic import Field

from stages.annotate.captioner import CaptionsSettings, CaptionsStage
from stages.annotate.describer import DescriptionsSettings, DescriptionsStage
from stages.annotate.detector import ObjectsSettings, ObjectsStage
from stages.annotate.generalist import GeneralistSettings, GeneralistStage
from stages.annotate.grounder import PhrasesSettings, PhrasesStage
from stages.annotate.matcher import MatchesSettings, MatchesStage
from stages.annotate.reader import WordsSettings, WordsStage
from stages.annotate.segmenter import MasksSettings, MasksStage
from stages.annotate.subset import SubsetSettings
from stages.stage import Stage

Annotator = Annotated[
    CaptionsSettings
    | ObjectsSettings
    | WordsSettings
    | PhrasesSettings
    | MasksSettings
    | MatchesSettings
    | DescriptionsSettings
    | GeneralistSettings,
    Field(discriminator="role", description="an annotator; `role` decides which settings it takes"),
]
Given = Literal["text", "brief", "crop", "object", "ocr", "phrase"]


def build_stage(annotator: Annotator, name: str) -> Stage:
    """The stage of the annotator called `name`, not loaded."""
    match annotator:
        case CaptionsSettings():
            return CaptionsStage(annotator)
        case ObjectsSettings():
            return ObjectsStage(annotator)
        case WordsSettings():
            return WordsStage(annotator)
        case PhrasesSettings():
            return PhrasesStage(annotator)
        case MasksSettings():
            return MasksStage(annotator)
        case MatchesSettings():
            return MatchesStage(annotator)
        case DescriptionsSettings():
            return DescriptionsStage(annotator)
        case GeneralistSettings():
            return GeneralistStage(annotator, name)


def subset_of(annotator: Annotator) -> SubsetSettings | None:
    """The images that it sees; None: all."""
    match annotator:
        case CaptionsSettings() | DescriptionsSettings():
            return annotator.subset
        case _:
            return None


def gives(annotator: Annotator) -> set[Given]:
    """Kinds of findings that others can work on."""
    match annotator:
        case CaptionsSettings(of="boxes"):
            return {"crop"}
        case CaptionsSettings():
            return {"text", "brief"} if "brief" in annotator.granularities else {"text"}
        case ObjectsSettings():
            return {"object"}
        case WordsSettings():
            return {"ocr"}
        case PhrasesSettings():
            return {"phrase"}
        case DescriptionsSettings():
            return {"text"}
        case MasksSettings() | MatchesSettings() | GeneralistSettings():
            return set()  # a generalist looks at what the others wrote: if they waited for it, both would wait


def wants(annotator: Annotator) -> set[Given]:
    """Kinds of findings that an annotator works on, apart from the image."""
    match annotator:
        case CaptionsSettings(of="boxes") | MasksSettings():
            return set(annotator.boxes.kinds)
        case MatchesSettings():
            return {*annotator.boxes.kinds, "crop"}
        case PhrasesSettings():
            return {"text"}
        case GeneralistSettings():
            return {"text"} if annotator.looks_at_texts else set()
        case DescriptionsSettings():
            return {*annotator.boxes.kinds, "brief", "crop"}
        case CaptionsSettings() | ObjectsSettings() | WordsSettings():
            return set()
