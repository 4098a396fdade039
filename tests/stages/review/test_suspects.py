"""Labels that models speak against come first; what a person reviewed, and what nobody labelled, is none."""

from shards.finding import GIVEN, REVIEWER, Box
from shards.record import Candidate, Record, Region, Source, Vote
from stages.review.suspects import suspects

HERE, SHIFTED, FAR = (10.0, 10.0, 50.0, 50.0), (10.0, 10.0, 50.0, 40.0), (60.0, 60.0, 90.0, 90.0)


def region(id: str, label: str, box: Box, *votes: tuple[str, float | None, Box]) -> Region:
    said = [Vote(at, label, score, 1.0, Source(name, "f", 0, score, f"{name}/0")) for name, score, at in votes]
    score = max((each.score or 1.0 for each in said), default=0.0)
    return Region(id, "object", box, score, [Candidate("phrase", label, None, said[0].source)], 0, said)


def found(*regions: Region) -> list[tuple[str, str, float]]:
    record = Record("a", "a.jpg", "", 100, 100, 0, [], list(regions))
    return [(each.id, each.kind, round(each.score, 2)) for each in suspects(record)]


def test_every_kind_and_its_order() -> None:
    swapped = region("r0", "dog", HERE, (GIVEN, None, HERE))
    rival = region("r1", "cat", HERE, ("yolo", 0.9, HERE))
    overlooked = region("r2", "ball", FAR, ("yolo", 0.6, FAR))
    assert found(swapped, rival, overlooked) == [("r0", "swapped", 0.9), ("r2", "overlooked", 0.6)]
    located = region("r0", "dog", HERE, (GIVEN, None, HERE), ("yolo", 0.8, SHIFTED))
    assert found(located) == [("r0", "located", 0.2)]
    assert found(region("r0", "dog", HERE, (GIVEN, None, HERE))) == [("r0", "unseen", 0.3)]


def test_what_is_none() -> None:
    sure = region("r0", "dog", HERE, (GIVEN, None, HERE), ("yolo", 0.8, HERE))
    reviewed = region("r0", "dog", HERE, (REVIEWER, None, HERE), ("yolo", 0.8, SHIFTED))
    assert found(sure) == found(reviewed) == []
    assert found(region("r0", "dog", HERE, ("yolo", 0.8, HERE)), region("r1", "cat", FAR, ("yolo", 0.1, FAR))) == []
