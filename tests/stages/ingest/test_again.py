"""The same corpus again: more images, mended lists, moved pictures, other limits, labels that came late."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shards.finding import Caption
from shards.reviews import read_reviews
from shards.store import LocalStore
from stages.ingest.ingest import ingest as ingest_in_processes
from stages.ingest.plan import PlanError
from stages.ingest.report import IngestBudgetError
from tests.stages.ingest.broken import encoded, picture, write_broken
from tests.stages.ingest.corpora import contents, ingest, rows, settings, write_list, write_pictures


def test_new_images_are_appended_and_written_shards_stay(tmp_path: Path, store: LocalStore) -> None:
    photos = write_pictures(tmp_path / "photos", 5)
    ingest(store, [str(photos)], settings())
    before = contents(tmp_path / "corpus")
    assert ingest(store, [str(photos)], settings()).written == 0
    assert contents(tmp_path / "corpus") == before
    write_pictures(photos, 2, start=5)
    seen: list[str] = []
    report = ingest(store, [str(photos)], settings(), on_shard=lambda shard, manifest: seen.append(shard))
    assert (report.planned, report.new, report.written, seen) == (7, 2, 2, ["000002"])
    after = contents(tmp_path / "corpus")
    kept = [path for path in before if "duplicates" not in path]
    assert {path: after[path] for path in kept} == {path: before[path] for path in kept}


def test_without_sources_the_plan_is_carried_out(tmp_path: Path, store: LocalStore) -> None:
    photos = write_pictures(tmp_path / "photos", 5)
    ingest(store, [str(photos)], settings())
    store.remove("images/manifest/000001.json")
    assert ingest(store, [], settings()).written == 1


def test_settings_that_change_rows_are_refused_with_both_values(tmp_path: Path, store: LocalStore) -> None:
    photos = write_pictures(tmp_path / "photos", 2)
    ingest(store, [str(photos)], settings())
    with pytest.raises(PlanError, match=r"000000 was written with other .* min_side=1 .* now .* min_side=65 "):
        ingest(store, [str(photos)], settings(limits={"min_side": 65}))


def test_failed_images_can_be_tried_again_alone(tmp_path: Path, store: LocalStore) -> None:
    photos = write_pictures(tmp_path / "photos", 5)
    good = (photos / "0001.jpg").read_bytes()
    (photos / "0001.jpg").unlink()
    (tmp_path / "list.txt").write_text("\n".join(f"photos/{number:04d}.jpg" for number in range(5)))
    report = ingest(store, [str(tmp_path / "list.txt")], settings())
    assert report.failures == {"fetch/missing": 1}
    (photos / "0001.jpg").write_bytes(good)
    (photos / "0000.jpg").unlink()  # is in the corpus, and is not asked for again
    report = ingest(store, [], settings(), retry_failed=True)
    assert (report.failed, report.written) == (0, 4)
    whole = LocalStore(tmp_path / "whole")
    write_pictures(photos, 1)
    ingest(whole, [str(tmp_path / "list.txt")], settings())
    assert contents(tmp_path / "corpus") == contents(tmp_path / "whole")


def test_retrying_accepts_other_limits_and_applies_them_everywhere(tmp_path: Path, store: LocalStore) -> None:
    photos = write_pictures(tmp_path / "photos", 5)
    (photos / "0004.jpg").write_bytes(encoded(picture(4, 40, 30), "JPEG"))
    assert ingest(store, [str(photos)], settings(limits={"min_side": 50})).failed == 1
    assert ingest(store, [], settings(), retry_failed=True).failed == 0
    assert ingest(store, [], settings()).written == 0


def test_a_mended_list_goes_on_with_the_corpus_it_began(tmp_path: Path, store: LocalStore) -> None:
    write_pictures(tmp_path, 2)
    bad = write_list(
        tmp_path / "l.csv", "path,caption,key", "0000.jpg,one,a", "hdfs://x/1.jpg,two,b", "0001.jpg,c,a dog,c"
    )
    assert ingest(store, [bad], settings()).failures == {"fetch/refused_scheme": 1, "list/row": 1}
    good = write_list(tmp_path / "l.csv", "path,caption,key", "0000.jpg,one,a", "0001.jpg,two,b")
    report = ingest(store, [good], settings())
    assert (report.planned, report.kept, report.failures) == (3, 2, {"list/row": 1})
    assert rows(store)["b"].given == [Caption("two", granularity="brief")]


def test_a_bad_line_that_was_taken_out_fails_the_command_no_more(tmp_path: Path, store: LocalStore) -> None:
    write_pictures(tmp_path, 1)
    with pytest.raises(
        IngestBudgetError, match=r"1 of 2 images failed(.|\n)*then `fld ingest` with --retry-quarantined"
    ):
        ingest(store, [write_list(tmp_path / "l.txt", "0000.jpg", "hdfs://x/1.jpg")], settings(failure_budget=0.1))
    mended = write_list(tmp_path / "l.txt", "0000.jpg")
    for again in (False, True):
        report = ingest(store, [mended], settings(failure_budget=0.1), retry_failed=again)
        assert (report.planned, report.kept, report.failed, report.abandoned) == (2, 1, 1, 1)
        assert report.warnings == ["failed before, and not in these sources any more: 1"]
    with pytest.raises(IngestBudgetError):
        ingest(store, [], settings(failure_budget=0.1))


def test_photographs_that_moved_are_recognised_by_their_bytes(tmp_path: Path, store: LocalStore) -> None:
    write_pictures(tmp_path / "old", 3)
    ingest(store, [str(tmp_path / "old")], settings())
    before = contents(tmp_path / "corpus/images")
    (tmp_path / "old").rename(tmp_path / "new")
    report = ingest(store, [str(tmp_path / "new")], settings())
    assert (report.planned, report.kept, report.moved, report.written) == (3, 3, 3, 0)
    after = contents(tmp_path / "corpus/images")
    assert {path: after[path] for path in before} == before
    assert ingest(store, [str(tmp_path / "new")], settings()).moved == 0


def test_an_image_of_the_corpus_never_turns_into_another(tmp_path: Path, store: LocalStore) -> None:
    write_pictures(tmp_path / "old", 3)
    ingest(store, [str(tmp_path / "old")], settings())
    write_pictures(tmp_path / "new", 2)
    (tmp_path / "new/0001.jpg").write_bytes(encoded(picture(77), "JPEG"))
    with pytest.raises(PlanError, match=r"1 keys .*\n  0001: was .*old/0001\.jpg, now .*, with other bytes"):
        ingest(store, [str(tmp_path / "new")], settings())


def test_labels_that_came_late_become_corrections(tmp_path: Path, store: LocalStore) -> None:
    write_pictures(tmp_path / "old", 3)
    row = {"path": "old/0000.jpg", "id": "0000", "caption": "early"}
    names = [write_list(tmp_path / "a.jsonl", json.dumps(row)), str(tmp_path / "old/0001.jpg")]
    ingest(store, names, settings())
    before = contents(tmp_path / "corpus/images")
    row["caption"] = "late"
    late = write_list(tmp_path / "l.jsonl", json.dumps(row))
    report = ingest(store, [late], settings())
    assert (report.planned, report.new, report.written) == (2, 0, 0)
    assert report.warnings == ["annotations that came late, corrections now (`fld filter` applies them): 1"]
    [[review]] = read_reviews(store).values()
    assert (review.key, review.action, review.on, review.new_text, review.who) == (
        "0000", "add", "text", "late", "ingest"
    )  # fmt: skip
    assert ingest(store, [late], settings()).warnings == []
    assert contents(tmp_path / "corpus/images") == before


def test_labels_come_late_for_an_image_whose_shard_is_written_again(tmp_path: Path, store: LocalStore) -> None:
    """Its bytes are at another place of the tar then."""
    photos = write_pictures(tmp_path / "photos", 3)
    first = (photos / "0000.jpg").read_bytes()
    (photos / "0000.jpg").unlink()
    places = [{"path": f"photos/{number:04d}.jpg", "id": str(number)} for number in range(3)]
    listed = write_list(tmp_path / "l.jsonl", *map(json.dumps, places))
    ingest(store, [listed], settings())
    (photos / "0000.jpg").write_bytes(first)
    write_list(tmp_path / "l.jsonl", *(json.dumps({**place, "caption": "late"}) for place in places))
    report = ingest(store, [listed], settings())
    assert (report.failed, report.unreadable) == (0, 0)
    assert report.warnings == ["annotations that came late, corrections now (`fld filter` applies them): 2"]


def test_an_image_whose_new_place_cannot_be_read_stays(tmp_path: Path, store: LocalStore) -> None:
    write_pictures(tmp_path / "old", 1)
    ingest(store, [str(tmp_path / "old")], settings())
    report = ingest(store, [write_list(tmp_path / "l.jsonl", '{"path": "gone.jpg", "id": "0000"}')], settings())
    assert (report.kept, report.failed, report.unreadable) == (1, 0, 1)
    assert report.warnings == [
        "cannot be read: 1 x moved image (0000: missing: no such file; it stays as it is in the corpus)"
    ]


def test_killed_at_any_moment_and_started_again_gives_the_same_bytes(tmp_path: Path) -> None:
    photos = write_pictures(tmp_path / "photos", 30)
    write_broken(photos, 18)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    code = (
        "import sys; from shards.store import LocalStore; from stages.ingest.ingest import ingest;"
        "from stages.ingest.settings import IngestSettings;"
        "ingest(LocalStore(sys.argv[1]), [sys.argv[2]], IngestSettings(shard_size=3, workers=2, failure_budget=1))"
    )
    ingest_in_processes(LocalStore(whole), [str(photos)], settings(shard_size=3))
    rng = random.Random(0)
    for finished in (0, 5, 10):  # shards to wait for before the kill
        command = [sys.executable, "-c", code, str(killed), str(photos)]
        with subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}) as process:
            while process.poll() is None and len(list(killed.glob("images/*.tar*"))) <= finished:
                time.sleep(0.002)
            time.sleep(rng.uniform(0, 0.02))
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
    ingest(LocalStore(killed), [str(photos)], settings(shard_size=3))
    after = {path: data for path, data in contents(killed).items() if not path.endswith(".part")}
    assert after == contents(whole)
