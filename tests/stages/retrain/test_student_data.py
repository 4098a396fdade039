from pathlib import Path

from msgspec.structs import replace
from PIL import Image

from shards.commit import ImageCounts
from shards.record import Candidate, Missing, Record, Region, Source
from shards.rounds import IndexRow, write_round_shard
from shards.store import open_store
from stages.retrain.pool import load_pool
from stages.retrain.student_data import class_names, label_lines, write_lessons
from stages.retrain.student_doubts import Doubts
from tests.stages.retrain import corpora

TAUGHT = Doubts("teach", 1.0)
SOURCE = Source("given", "given", 0, None, "given/0")


def record(*regions: Region) -> Record:
    return Record("k", "k", "", 200, 100, 0, [], list(regions))


def region(label: str, kind: str = "object") -> Region:
    candidate = Candidate("phrase" if kind == "object" else "ocr", label, None, SOURCE)
    return Region("r0", kind, (20.0, 10.0, 60.0, 110.0), 1.0, [candidate], 0, [])  # type: ignore[arg-type]


def test_a_line_is_the_class_and_shares_of_the_picture() -> None:
    found = label_lines(
        record(region("dog"), region("STOP", "text"), region("cat")), {"cat": 0, "dog": 4}, TAUGHT.level
    )
    assert found == ["4 0.200000 0.600000 0.200000 1.000000", "0 0.200000 0.600000 0.200000 1.000000"]


def test_classes_that_are_known_keep_their_numbers(tmp_path: Path) -> None:
    pool = load_pool(open_store(corpora.build(tmp_path / "corpus")), 0)
    assert class_names([pool]) == ("blue square", "green square", "red square", "white square")
    known = ("white square", "dog", "green square")
    assert class_names([pool], known) == ("white square", "green square", "blue square", "red square")


def test_pictures_and_lines_of_both_parts(tmp_path: Path) -> None:
    trained, held = load_pool(open_store(corpora.build(tmp_path / "corpus")), 0).split(0.2)
    names = class_names([trained, held])
    lessons = write_lessons(trained, held, names, tmp_path / "data", TAUGHT)
    assert (lessons.images, lessons.held_out, lessons.unreadable) == (len(trained), len(held), 0)
    images = sorted((tmp_path / "data/train/images").iterdir())
    labels = sorted((tmp_path / "data/train/labels").iterdir())
    assert [each.stem for each in images] == [each.stem for each in labels]
    read, _ = trained.read(3)
    with Image.open(images[3]) as picture:
        assert picture.size == (corpora.SIDE, corpora.SIDE)
    number, x, _, w, _ = labels[3].read_text().split()
    assert names[int(number)] == read.regions[0].text
    x0, _, x1, _ = read.regions[0].box
    assert (float(x), float(w)) == ((x0 + x1) / 2 / 64, (x1 - x0) / 64)


def test_an_image_on_which_a_detector_failed_is_no_background(tmp_path: Path) -> None:
    store = open_store(corpora.build(tmp_path / "corpus", 8))
    samples = [(record, data) for _, record, data in map(corpora.sample, range(8))]
    lacking = replace(samples[2][0], regions=[], missing=[Missing("yolo", "y1", 0, "detector", "oom")])
    written = [(lacking if record.key == lacking.key else record, "png", data) for record, data in samples]
    index = [IndexRow(record.key, "", "image") for record, _, _ in written]
    write_round_shard(store, 0, "000000", written, index, ImageCounts(8, 8), "f")
    whole = load_pool(store, 0)
    lessons = write_lessons(whole, whole.split(0.0)[1], class_names([whole]), tmp_path / "data", TAUGHT)
    assert (lessons.images, lessons.unreadable) == (7, 0)
    assert not (tmp_path / "data/train/labels/000002.txt").exists()


def test_the_number_of_a_doubtful_label_says_how_doubtful() -> None:
    doubtful = replace(region("cat"), score=0.74)
    said = record(region("dog"), doubtful)
    numbers = {"cat": 0, "dog": 1}
    weighed, skipped = Doubts("weigh", 1.0), Doubts("skip", 0.8)
    assert [line.split()[0] for line in label_lines(said, numbers, TAUGHT.level)] == ["1", "0"]
    assert [line.split()[0] for line in label_lines(said, numbers, weighed.level)] == ["1", "10"]  # five twentieths off
    assert [line.split()[0] for line in label_lines(said, numbers, skipped.level)] == ["1", "42"]
    assert [line.split()[0] for line in label_lines(said, numbers, skipped.level_where_measured)] == ["1"]
    assert [line.split()[0] for line in label_lines(said, numbers, weighed.level_where_measured)] == ["1", "0"]
