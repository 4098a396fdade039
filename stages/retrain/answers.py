"""What the model says about held-out images while it is trained, compared with the round's own records.

Comes in: a `save_pretrained` folder, and held-out images with their records. Goes out: for each measure of
stages/evaluate/measures.py that a trained task is judged by, the sums of which its F1 is made.

    <OD>                            boxes
    <CAPTION>                       texts/brief
    <CAPTION_TO_PHRASE_GROUNDING>   phrases, asked about the record's own first text that has phrases

The model is read from its files as any other: what is judged is what would be saved, adapters merged, averaged
weights if there are, and the model in training is not touched.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shards.finding import Caption, Detection, Finding, PhraseGrounding
from shards.record import Candidate, GroundedBox, Grounding, Record, Region, Source, Text
from specialists.florence2_format import Task, clean_text
from specialists.florence2_model import Florence2Model, Search
from specialists.roles import Image
from stages.codec.decode import Inquiry, findings
from stages.evaluate.measures import MeasureName, sums

MEASURED: dict[Task, MeasureName] = {
    "<OD>": "boxes", "<CAPTION>": "texts/brief", "<CAPTION_TO_PHRASE_GROUNDING>": "phrases"
}  # fmt: skip
_MODEL = Source("model", "", 0, None, "")


def measured_tasks(tasks: Iterable[Task]) -> list[Task]:
    """Those of `tasks` whose answers are compared."""
    return [task for task in tasks if task in MEASURED]


def answer_sums(
    folder: Path, device: str, pictures: Iterable[tuple[Record, Image]], tasks: Sequence[Task], search: Search
) -> NDArray[np.float64]:
    """[tasks, 3]: (hits, predicted, in the reference) over `pictures` for each of `tasks`, all of them in MEASURED."""
    model = Florence2Model(folder, device, "float32")
    total = np.zeros((len(tasks), 3))
    rest = iter(pictures)
    while batch := list(islice(rest, search.batch_size)):
        asked = [list(_questions(record, tasks, model)) for record, _ in batch]
        answers = model.answer(
            [image for _, image in batch], [[question.prompt for question in questions] for questions in asked], search
        )
        pairs = []
        for (record, _), questions, texts in zip(batch, asked, answers, strict=True):
            own = [
                finding
                for question, answer in zip(questions, texts, strict=True)
                for finding in findings(question, answer)
            ]
            pairs.append((predicted_record(record, own), record))
        total += np.array([sums(MEASURED[task], pairs).sum(axis=0) for task in tasks])
    return total


def f1_scores(tasks: Sequence[Task], total: Sequence[Sequence[float]]) -> dict[str, float]:
    """F1 by measure, of the sums of all processes; measures of which the images hold nothing are left out."""
    return {
        MEASURED[task]: 2 * hits / (predicted + in_gold)
        for task, (hits, predicted, in_gold) in zip(tasks, total, strict=True)
        if in_gold
    }


def predicted_record(record: Record, findings: Sequence[Finding]) -> Record:
    """What was said about the image of `record` as a record of its own, nothing filtered."""
    return Record(
        record.key, record.uri, record.sha256, record.width, record.height, record.round,
        texts=[
            Text(f"t{i}", caption.granularity, caption.text, _MODEL)
            for i, caption in enumerate(findings)
            if isinstance(caption, Caption) and caption.granularity is not None
        ],
        regions=[
            Region(
                f"r{i}", "object", detection.box, detection.score or 0.0,
                [Candidate("phrase", detection.text, None, _MODEL)], 0, [],
            )
            for i, detection in enumerate(findings)
            if isinstance(detection, Detection)
        ],
        groundings=[
            Grounding(
                phrase.about, phrase.span, phrase.text, phrase.phrase_score,
                [GroundedBox(phrase.box, phrase.score, _MODEL)],
            )
            for phrase in findings
            if isinstance(phrase, PhraseGrounding) and phrase.box is not None
        ],
    )  # fmt: skip


def _questions(record: Record, tasks: Sequence[Task], model: Florence2Model) -> Iterator[Inquiry]:
    """One of each task; none about phrases where the record has none, or a text that the model cannot read whole."""
    for task in tasks:
        if task != "<CAPTION_TO_PHRASE_GROUNDING>":
            yield Inquiry(task, record.width, record.height)
            continue
        grounded = {grounding.text_id for grounding in record.groundings}
        text = next((text for text in record.texts if text.id in grounded), None)
        if text is not None and (clean := clean_text(text.text)):
            question = Inquiry(task, record.width, record.height, clean, about=text.id)
            if len(model.token_offsets(question.prompt)) <= model.prompt_room:
                yield question
