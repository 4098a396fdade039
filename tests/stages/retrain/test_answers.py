from msgspec.structs import replace

from shards.record import GroundedBox, Grounding, Record
from stages.codec.decode import Inquiry, findings
from stages.codec.encode import lessons
from stages.codec.settings import CodecSettings
from stages.evaluate.measures import sums
from stages.retrain.answers import MEASURED, f1_scores, measured_tasks, predicted_record
from tests.stages.retrain import corpora


def grounded(number: int) -> Record:
    """A record whose text is tied to its box."""
    record = corpora.sample(number)[1]
    text, [region] = record.texts[0], record.regions
    box = GroundedBox(region.box, 1.0, text.source)
    return replace(record, groundings=[Grounding(text.id, (0, len(text.text)), text.text, 1.0, [box])])


def taught(record: Record) -> list[tuple[Inquiry, str]]:
    """The question of each measured task with the answer that is trained."""
    found = lessons(record, CodecSettings(tasks=list(MEASURED)), len).lessons
    text = record.texts[0].text
    asked = {task: Inquiry(task, record.width, record.height) for task in ("<OD>", "<CAPTION>")}
    asked["<CAPTION_TO_PHRASE_GROUNDING>"] = Inquiry(
        "<CAPTION_TO_PHRASE_GROUNDING>", record.width, record.height, text, about="t0"
    )
    assert {lesson.task: lesson.prompt for lesson in found} == {task: one.prompt for task, one in asked.items()}
    return [(asked[lesson.task], lesson.target) for lesson in found]


def scores(said: Record, record: Record) -> dict[str, float]:
    return f1_scores(list(MEASURED), [sums(name, [(said, record)])[0].tolist() for name in MEASURED.values()])


def test_who_answers_as_taught_has_an_f1_of_one() -> None:
    record = grounded(1)
    said = predicted_record(record, [one for asked, target in taught(record) for one in findings(asked, target)])
    assert scores(said, record) == {"boxes": 1.0, "texts/brief": 1.0, "phrases": 1.0}


def test_who_answers_about_another_picture_has_less() -> None:
    record, other = grounded(1), grounded(2)
    said = predicted_record(record, [one for asked, target in taught(other) for one in findings(asked, target)])
    assert scores(said, record) == {"boxes": 0.0, "texts/brief": 2 / 3, "phrases": 0.0}


def test_silence_counts_and_what_the_round_does_not_have_does_not() -> None:
    record = grounded(1)
    assert scores(predicted_record(record, []), record) == {"boxes": 0.0, "texts/brief": 0.0, "phrases": 0.0}
    assert scores(predicted_record(record, []), replace(record, groundings=[], regions=[])) == {"texts/brief": 0.0}


def test_only_trained_tasks_are_asked() -> None:
    assert measured_tasks(["<OCR>", "<OD>", "<DENSE_REGION_CAPTION>"]) == ["<OD>"]
