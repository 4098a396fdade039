"""What a model says by itself."""

from filters.settings import FilterSettings
from shards.finding import Caption
from shards.images import ImageRow
from shards.raw import RawRow
from stages.fuse.ledger import Voter
from stages.fuse.settings import ConsensusSettings, FuseSettings, MergeSettings
from stages.gate.alone import filtered_alone, filtered_records
from stages.round import RoundPlan
from tests.stages.fuse.builders import DOG, FAR, WordCounter, found

MODEL = Voter("generalist", "generalist", "f1", 1)
FUSE = FuseSettings(
    merge=MergeSettings(regions="keep", brief="keep"), consensus=ConsensusSettings(min_votes=2), trust={"yolo": 2.0}
)
PLAN = RoundPlan(1, (Voter("yolo", "detector", "y1"), MODEL), FUSE, FilterSettings())


def test_nobody_else_is_needed_and_nothing_given_is_counted() -> None:
    rows = [
        ImageRow("a", "a.jpg", sha256="00", width=640, height=480, ext="jpg", given=[found("cat", None, FAR)]),
        ImageRow("b", "b.jpg", sha256="00", width=640, height=480, ext="jpg"),
    ]
    text = Caption("a dog in the grass", 0.8, granularity="brief")
    said = {
        "a": RawRow("a", findings=[text, found("dog", 0.9, DOG), found("ball", 0.01, FAR)]),
        "b": RawRow("b", "failed", "error: too much"),
    }
    [record] = filtered_records(rows, said, filtered_alone(PLAN, MODEL), WordCounter())
    assert record.key == "a"
    assert [each.text for each in record.texts] == ["a dog in the grass"]
    assert [region.text for region in record.regions] == ["dog"]  # the weak ball meets the corpus's own filter
