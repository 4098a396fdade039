import pytest

from shards import commit, record, summary
from shards.commit import ImageCounts
from shards.record import Candidate, GroundedBox, Grounding, Record, Region, Source, Text, Vote
from shards.rounds import IndexRow, read_index, write_round_shard
from shards.store import LocalStore
from shards.summaries import read_summary

BOX = (1.0, 2.0, 30.0, 40.0)


def source(annotator: str) -> Source:
    return Source(annotator, "f", 0, 0.9, f"{annotator}/0")


def region(id: str, kind: str, text: str, score: float, annotators: tuple[str, ...]) -> Region:
    candidate = Candidate("phrase" if kind == "object" else "ocr", text, None, source(annotators[0]))
    votes = [Vote(BOX, text, score, 1.0, source(name)) for name in annotators]
    quad = None if kind == "object" else (1.0, 2.0, 30.0, 2.0, 30.0, 40.0, 1.0, 40.0)
    return Region(id, kind, BOX, score, [candidate], 0, votes, quad)  # type: ignore[arg-type]


def dog(key: str = "dog") -> Record:
    return Record(
        key, "photos/dog.jpg", "", 640, 480, 0,
        [Text("t0", "detailed", "a dog that runs after a ball", source("captioner")),
         Text("t1", "brief", "a dog", source("captioner"))],
        [region("r0", "object", "dog", 0.9, ("yolo", "detr")), region("r1", "object", "ball", 0.4, ("yolo",)),
         region("r2", "text", "EXIT", 0.8, ("ocr",))],
        [Grounding("t1", (0, 5), "a dog", 0.7, [GroundedBox(BOX, 0.6, source("grounder"), "r0")])],
    )  # fmt: skip


def rows() -> list[IndexRow]:
    def low(key: str, rule: str, type_: str = "region") -> IndexRow:
        return IndexRow(key, "", type_, "yolo", text="cat", kept=False, rule=rule)  # type: ignore[arg-type]

    return [
        IndexRow("dog", "", "image"),
        IndexRow("dog", "r0", "region", "yolo", text="dog"),
        low("dog", "region.score"),
        low("dog", "region.nms"),
        low("dog", "region.score"),
        low("dog", "phrase.blacklist", "phrase"),
        IndexRow("broken", "", "image", text="decode: truncated", kept=False, rule="image.failed"),
        IndexRow("double", "", "image", kept=False, rule="exact_duplicate"),
        low("double", "exact_duplicate"),
    ]


@pytest.fixture
def store(tmp_path: object) -> LocalStore:
    store = LocalStore(str(tmp_path))
    write_round_shard(store, 0, "000000", [(dog(), "jpg", b"dog")], rows(), ImageCounts(3, 1, 1, 1), "f")
    return store


def read(store: LocalStore) -> list[dict[str, object]]:
    manifest = commit.find(store, "rounds/00", "000000")
    assert manifest is not None
    found: list[dict[str, object]] = read_summary(store, 0, manifest).to_pylist()
    return found


def test_a_kept_image_is_summed_up_in_one_row(store: LocalStore) -> None:
    row = read(store)[0]
    wanted = {
        "key": "dog", "shard": "000000", "status": "kept", "rule": "", "uri": "photos/dog.jpg", "width": 640,
        "texts": 2, "objects": 2, "words": 1, "phrases": 1, "masks": 0, "fewest_votes": 1,
        "dropped_regions": 3, "dropped_phrases": 1, "dropped_texts": 0, "caption": "a dog", "read": "EXIT",
        "brief_words": 2, "detailed_words": 7, "more_detailed_words": 0, "labels": ["ball", "dog"],
        "annotators": ["captioner", "detr", "grounder", "ocr", "yolo"],
        "rules": ["phrase.blacklist", "region.nms", "region.score"],
    }  # fmt: skip
    assert {name: row[name] for name in wanted} == wanted
    assert row["score_min"] == pytest.approx(0.4)
    assert row["score_mean"] == pytest.approx(0.7)


def test_an_image_without_record_says_why(store: LocalStore) -> None:
    _, broken, double = read(store)
    assert [broken[name] for name in ("status", "reason", "rules", "labels", "objects")] == [
        "failed", "decode: truncated", [], None, None,
    ]  # fmt: skip
    assert [double[name] for name in ("status", "rule", "rules", "dropped_regions")] == [
        "dropped", "exact_duplicate", ["exact_duplicate"], 1,
    ]  # fmt: skip


def test_the_row_leads_to_record_and_index(store: LocalStore) -> None:
    row = read(store)[0]
    start, size = row["record_offset"], row["record_size"]
    assert isinstance(start, int)
    assert isinstance(size, int)
    assert record.decode(store.read("rounds/00/shards/000000.tar", start, start + size)) == dog()
    index = read_index(store, 0, "000000").to_pylist()
    for row in read(store):
        mine = [number for number, entry in enumerate(index) if entry["key"] == row["key"]]
        assert (row["first_row"], row["last_row"]) == (mine[0], mine[-1])


def test_rows_of_one_image_need_not_lie_together(store: LocalStore) -> None:
    mixed = [*rows()[:3], *rows()[6:], *rows()[3:6]]
    write_round_shard(store, 0, "000000", [(dog(), "jpg", b"dog")], mixed, ImageCounts(3, 1, 1, 1), "f")
    assert [(row["first_row"], row["last_row"]) for row in read(store)] == [(0, 8), (3, 3), (4, 5)]
    assert read(store)[0]["dropped_regions"] == 3


def test_long_texts_are_cut_for_the_summary_alone() -> None:
    text = Text("t0", "brief", "x" * 900, source("captioner"))
    found = summary.facts_of(Record("k", "u", "", 1, 1, 0, [text]))
    assert (len(found.caption), found.score_min, found.fewest_votes) == (summary.LONGEST, None, None)


def test_tallies_of_rows_and_of_an_index_are_equal(store: LocalStore) -> None:
    tally = summary.tally_of((row.type for row in rows()), (row.rule for row in rows()))
    assert tally == summary.tally_index(read_index(store, 0, "000000"))
    assert tally["region"] == {"": 1, "exact_duplicate": 1, "region.nms": 1, "region.score": 2}
    manifest = commit.find(store, "rounds/00", "000000")
    assert manifest is not None
    assert manifest.tally == tally
