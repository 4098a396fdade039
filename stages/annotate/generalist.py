"""Generalist: all findings of an image from one model, which sees the image once.

Comes in: items, with the texts of other annotators where phrases are asked for. Goes out, in this order (the
annotator is called `generalist`; it names its own findings, so its stage is told its name):

    generalist/0  text    "a dog with a ball"          brief               <CAPTION>
    generalist/1  object  "dog"                        box, score          <OD>
    generalist/2  text    "a brown dog"                about generalist/1  <DENSE_REGION_CAPTION>
    generalist/3  ocr     "STOP"                       quad                <OCR_WITH_REGION>
    generalist/4  phrase  "a dog"                      about generalist/0  <CAPTION_TO_PHRASE_GROUNDING>
    generalist/5  phrase  "the dog"                    about captioner/0   the texts of others are grounded, too
    generalist/6  mask                                 about generalist/1  <REGION_TO_SEGMENTATION>
    generalist/7  match   "a dog with a ball"  0.81    about generalist/0  how likely it finds each text, its own
    generalist/8  match   "the dog"  0.34              about captioner/0   and those of others

A dense caption is about the object whose box it overlaps most, if by IoU 0.7 or more; else its box is an object
without label that it describes. The likelihood of a text is the geometric mean probability, in (0, 1], of its tokens
and its end as the answer to the caption task of its granularity: BLIP's filter of captions (Li et al. 2022, arXiv
2201.12086) with the captioner itself as the filter. With `tiles` the objects of <OD> are those of the image and its
parts (tiles.py). Nothing waits for a generalist unless `needs` says so: it looks at
what others wrote.
"""

from collections.abc import Collection
from typing import Final, Literal

from msgspec.structs import replace
from pydantic import Field, field_validator

from shards.finding import Caption, Detection, Finding, Granularity, Match, reference
from shards.geometry import iou
from shards.settings import Settings, named_once
from specialists.florence2_answers import read_boxes
from specialists.florence2_format import CAPTION_TASKS, Question, Task, clean_text
from specialists.florence2_generalist import Florence2Generalist, Florence2GeneralistSettings, Generalist
from specialists.florence2_model import CACHED_IMAGES
from specialists.roles import Detections, Fingerprint, Image
from stages.annotate.boxes import BoxInputs, choose_boxes
from stages.annotate.resources import Resources
from stages.annotate.tiles import TileSettings, found_in_parts
from stages.codec.decode import Inquiry, findings
from stages.findings import object_findings, texts_about_images
from stages.stage import Item

SAME_BOX_IOU = 0.7
"""From this overlap on, a dense caption speaks of an object: half-way between COCO's "found" (0.5) and a copy."""

GeneralistTask = Literal[
    "<CAPTION>",
    "<DETAILED_CAPTION>",
    "<MORE_DETAILED_CAPTION>",
    "<OD>",
    "<DENSE_REGION_CAPTION>",
    "<REGION_PROPOSAL>",
    "<OCR_WITH_REGION>",
    "<CAPTION_TO_PHRASE_GROUNDING>",
    "<REGION_TO_DESCRIPTION>",
    "<REGION_TO_SEGMENTATION>",
]
PHRASES: Final = "<CAPTION_TO_PHRASE_GROUNDING>"
OBJECTS: Final = "<OD>"


class GeneralistSettings(Settings):
    """An annotator that answers all tasks with one model."""

    role: Literal["generalist"] = Field("generalist", description="texts, boxes, phrases, words and masks of one model")
    specialist: Florence2GeneralistSettings = Field(Florence2GeneralistSettings(), description="the model")
    tasks: list[GeneralistTask] = Field(
        ["<CAPTION>", "<DETAILED_CAPTION>", "<MORE_DETAILED_CAPTION>", "<OD>", "<DENSE_REGION_CAPTION>", PHRASES],
        min_length=1,
        description="what it is asked; <REGION_TO_...> of its own boxes, phrases of its own texts and those of others",
    )
    judges: bool = Field(
        True,
        description="also say how likely it finds each text about the image, of the granularities it is asked for: what"
        " fuse.merge compares",
    )
    boxes: BoxInputs = Field(BoxInputs(), description="which of its own boxes <REGION_TO_...> asks about")
    tiles: TileSettings | None = Field(
        None, description="ask <OD> of parts of every image, too, where things are larger; null: of the whole only"
    )
    needs: list[str] | None = Field(None, description="annotators whose texts it looks at; null: all that write texts")
    resources: Resources = Field(Resources(), description="what one actor needs")

    _different = field_validator("tasks")(named_once)

    @property
    def judged(self) -> list[Granularity]:
        """Granularities of the texts that it judges: without a text of its own there is nothing to compare with."""
        return [level for level, task in CAPTION_TASKS.items() if self.judges and task in self.tasks]

    @property
    def looks_at_texts(self) -> bool:
        """Whether texts of others make a difference to what it says."""
        return PHRASES in self.tasks or bool(self.judged)


class GeneralistStage:
    """See `stages.stage.Stage`. name: that of the annotator, as its references have it."""

    def __init__(self, settings: GeneralistSettings, name: str, generalist: Generalist | None = None) -> None:
        self._settings = settings
        self._name = name
        self._generalist = generalist or Florence2Generalist(settings.specialist)

    def load(self) -> None:
        self._generalist.load()

    def run(self, items: list[Item]) -> list[list[Finding]]:
        every: list[list[Finding]] = []
        for start in range(0, len(items), CACHED_IMAGES):  # all passes find their images still encoded
            batch = items[start : start + CACHED_IMAGES]
            own = self._of_images(batch)
            self._add_phrases(batch, own)
            self._add_regions(batch, own)
            self._add_judgements(batch, own)
            every += own
        return every

    def fingerprint(self) -> Fingerprint:
        of = self._settings
        return {
            **self._generalist.fingerprint(),
            "tasks": [*of.tasks],
            "judges": [*of.judged],
            "boxes": of.boxes.model_dump_json(),
            "same_box_iou": SAME_BOX_IOU,
            **({} if of.tiles is None else {"tiles": of.tiles.model_dump_json()}),
        }

    def close(self) -> None:
        self._generalist.close()

    def _of_images(self, items: list[Item]) -> list[list[Finding]]:
        """Texts, objects and words: the tasks that take nothing but the image."""
        asked_alone = [task for task in self._settings.tasks if task != PHRASES and not task.startswith("<REGION_TO_")]
        in_parts = self._in_parts(items)  # first: parts would push encoded images out of the model's memory
        tasks = [task for task in asked_alone if in_parts is None or task != OBJECTS]
        asked = [[_asked(task, item) for task in tasks] for item in items]
        by_item: list[dict[Task, list[Finding]]] = [
            dict(zip(tasks, answers, strict=True)) for answers in self._answers(items, asked)
        ]
        for by_task, objects in zip(by_item, in_parts or [], strict=False):
            by_task[OBJECTS] = objects
        return [self._combined({task: by_task[task] for task in asked_alone}) for by_task in by_item]

    def _in_parts(self, items: list[Item]) -> list[list[Finding]] | None:
        """The objects of the items and of their parts; None where parts are not looked at."""
        if self._settings.tiles is None or OBJECTS not in self._settings.tasks:
            return None
        found = found_in_parts(self._detected, [item.image for item in items], self._settings.tiles)
        return [object_findings(detections) for detections in found]

    def _detected(self, images: list[Image]) -> list[Detections]:
        answers = self._generalist.answer(images, [[Question(OBJECTS)] for _ in images])
        return [
            read_boxes(answer, image.shape[1], image.shape[0]) for [answer], image in zip(answers, images, strict=True)
        ]

    def _combined(self, by_task: dict[Task, list[Finding]]) -> list[Finding]:
        dense = by_task.pop("<DENSE_REGION_CAPTION>", [])
        combined = [finding for answer in by_task.values() for finding in answer]
        objects = {index: finding for index, finding in enumerate(combined) if isinstance(finding, Detection)}
        for detection in (finding for finding in dense if isinstance(finding, Detection)):
            index, overlap = _nearest(detection, objects)
            if overlap < SAME_BOX_IOU or not detection.text:
                index = len(combined)
                combined.append(Detection(score=detection.score, box=detection.box))
            if detection.text:
                combined.append(Caption(detection.text, detection.score, reference(self._name, index), "brief"))
        return combined

    def _add_phrases(self, items: list[Item], own_findings: list[list[Finding]]) -> None:
        """The phrases of every text about the whole image: its own first, then those of the others."""
        if PHRASES not in self._settings.tasks:
            return
        asked = [
            [_asked(PHRASES, item, text, ref) for ref, text in self._texts(item, own, CAPTION_TASKS)]
            for item, own in zip(items, own_findings, strict=True)
        ]
        for own, answers in zip(own_findings, self._answers(items, asked), strict=True):
            own += [finding for answer in answers for finding in answer]

    def _add_regions(self, items: list[Item], own_findings: list[list[Finding]]) -> None:
        """Descriptions and masks of its own boxes."""
        tasks = [task for task in self._settings.tasks if task.startswith("<REGION_TO_")]
        if not tasks:
            return
        asked = []
        for item, own in zip(items, own_findings, strict=True):
            height, width = item.image.shape[:2]
            chosen = choose_boxes({self._name: own}, width, height, self._settings.boxes)
            asked.append(
                [Inquiry(task, width, height, region=box.box, about=box.ref) for task in tasks for box in chosen]
            )
        for own, answers in zip(own_findings, self._answers(items, asked), strict=True):
            own += [finding for answer in answers for finding in answer]

    def _add_judgements(self, items: list[Item], own_findings: list[list[Finding]]) -> None:
        """The likelihood of every text about the whole image. One without a granularity counts as brief."""
        if not self._settings.judged:
            return
        judged = [
            [
                (Question(CAPTION_TASKS[level], answer=clean), Match(text, about=ref, granularity=level))
                for level in self._settings.judged
                for ref, text in self._texts(item, own, (level, None) if level == "brief" else (level,))
                if (clean := clean_text(text))
            ]
            for item, own in zip(items, own_findings, strict=True)
        ]
        images, questions = [item.image for item in items], [[question for question, _ in pairs] for pairs in judged]
        for own, pairs, answers in zip(own_findings, judged, self._generalist.answer(images, questions), strict=True):
            own += [replace(match, score=answer.score()) for (_, match), answer in zip(pairs, answers, strict=True)]

    def _texts(
        self, item: Item, own: list[Finding], granularities: Collection[Granularity | None]
    ) -> list[tuple[str, str]]:
        """References and texts about the whole image: its own, then those of others."""
        mine = texts_about_images({self._name: own}, granularities)
        return mine + texts_about_images(item.findings, granularities)

    def _answers(self, items: list[Item], asked: list[list[Inquiry]]) -> list[list[list[Finding]]]:
        """Per item and question the findings of its answer."""
        questions = [[inquiry.question for inquiry in inquiries] for inquiries in asked]
        answers = self._generalist.answer([item.image for item in items], questions)
        return [
            [findings(inquiry, answer) for inquiry, answer in zip(inquiries, item_answers, strict=True)]
            for inquiries, item_answers in zip(asked, answers, strict=True)
        ]


def _asked(task: Task, item: Item, text: str = "", about: str = "") -> Inquiry:
    height, width = item.image.shape[:2]
    return Inquiry(task, width, height, text, about=about)


def _nearest(finding: Detection, objects: dict[int, Detection]) -> tuple[int, float]:
    """Index of the object that its box overlaps most, and the IoU; (-1, 0) without any."""
    overlaps = [(iou(finding.box, detection.box), -index) for index, detection in objects.items()]
    best, index = max(overlaps, default=(0.0, 1))
    return -index, best
