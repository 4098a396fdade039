import json
import os
import random
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from shards.finding import Caption, Detection
from shards.images import ImageRow, read_image, read_image_rows
from shards.reviews import read_reviews
from shards.store import LocalStore, Store, open_store
from stages.ingest.duplicates import read_duplicates
from stages.ingest.entry import SourceError
from stages.ingest.fetch import Fetcher
from stages.ingest.ingest import OnShard
from stages.ingest.ingest import ingest as ingest_in_processes
from stages.ingest.keys import DuplicateKeyError
from stages.ingest.plan import PlanError
from stages.ingest.report import IngestBudgetError, IngestReport
from stages.ingest.settings import IngestSettings
from tests.stages.ingest.broken import encoded, picture, write_broken
from tests.stages.ingest.inline import Inline
from tests.stages.ingest.servers import bad_server


def ingest(
    store: Store,
    sources: list[str],
    settings: IngestSettings,
    *,
    retry_failed: bool = False,
    on_shard: OnShard | None = None,
    fetcher: Fetcher | None = None,
) -> IngestReport:
    """Without processes; `test_workers.py` and the tests below that name them have these."""
    fetcher = fetcher or Fetcher(settings.fetch, sources)
    return ingest_in_processes(
        store,
        sources,
        settings,
        retry_failed=retry_failed,
        on_shard=on_shard,
        fetcher=fetcher,
        examiner=Inline(settings, fetcher),
    )


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "corpus")


def settings(**wanted: object) -> IngestSettings:
    return IngestSettings.model_validate({"shard_size": 4, "workers": 2, "failure_budget": 1.0, **wanted})


def write_pictures(folder: Path, count: int, start: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(start, start + count):
        (folder / f"{seed:04d}.jpg").write_bytes(encoded(picture(seed), "JPEG"))
    return folder


def rows(store: Store) -> dict[str, ImageRow]:
    shards = [name.removesuffix(".parquet") for name in store.names("images") if name.endswith(".parquet")]
    return {row.key: row for shard in shards for row in read_image_rows(store, shard)}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_folder_becomes_shards_with_the_original_bytes(tmp_path: Path, store: LocalStore) -> None:
    photos = write_pictures(tmp_path / "photos", 6)
    report = ingest(store, [str(photos)], settings())
    assert report == IngestReport(planned=6, kept=6, failed=0, new=6, written=6)
    assert list(rows(store)) == [f"{number:04d}" for number in range(6)]
    for number, row in enumerate(rows(store).values()):
        shard = f"{number // 4:06d}"
        assert read_image(store, shard, row) == (photos / f"{row.key}.jpg").read_bytes()
        assert (row.width, row.height, row.ext, row.uri) == (96, 64, "jpg", f"{photos}/{row.key}.jpg")
        assert len(row.phash) == 16
    with tarfile.open(tmp_path / "corpus/images/000001.tar") as tar:
        assert tar.getnames() == ["0004.jpg", "0005.jpg"]


def test_broken_files_are_rows_and_good_ones_are_all_there(tmp_path: Path, store: LocalStore) -> None:
    photos = write_pictures(tmp_path / "photos", 5)
    expected = write_broken(photos, 36)
    report = ingest(store, [str(photos)], settings(shard_size=16))
    assert (report.planned, report.kept, report.failed) == (41, 5, 36)
    found = {key: f"{row.stage}/{row.error.partition(':')[0]}" for key, row in rows(store).items() if row.error}
    assert found == expected
    assert sum(report.failures.values()) == 36
    assert report.failures["decode/too_many_pixels"] == 10
    assert report.first_failed["decode/empty"] == ["broken_000_empty", "broken_018_empty"]


def test_over_the_budget_everything_is_written_and_then_it_fails(tmp_path: Path, store: LocalStore) -> None:
    photos = write_pictures(tmp_path / "photos", 6)
    for name in "abcdefg":
        (photos / f"{name}.jpg").touch()
    wanted = (
        r"7 of 13 images failed, more than ingest\.failure_budget=0\.1 allows:\n"
        r"  decode/empty: 7 \(a, b, c, d, e, \.\.\.\)"
    )
    with pytest.raises(IngestBudgetError, match=wanted) as over:
        ingest(store, [str(photos)], settings(failure_budget=0.1))
    assert len(rows(store)) == 13
    assert over.value.report.kept == 6
    with pytest.raises(IngestBudgetError):  # and again: nothing has become better
        ingest(store, [str(photos)], settings(failure_budget=0.1))


def test_a_share_at_the_budget_is_allowed(tmp_path: Path, store: LocalStore) -> None:
    photos = write_pictures(tmp_path / "photos", 3)
    (photos / "x.jpg").touch()
    assert ingest(store, [str(photos)], settings(failure_budget=0.25)).failed == 1


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


def test_any_number_of_workers_gives_equal_bytes(tmp_path: Path) -> None:
    photos = write_pictures(tmp_path / "photos", 9)
    write_broken(photos, 18)
    found = []
    for processes, workers in ((1, 1), (2, 7)):
        corpus = tmp_path / f"corpus{workers}"
        wanted = settings(workers=workers, processes=processes)
        assert ingest_in_processes(LocalStore(corpus), [str(photos)], wanted).kept == 9
        found.append(contents(corpus))
    assert found[0] == found[1]


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


def write_list(path: Path, *lines: str) -> str:
    path.write_text("\n".join(lines))
    return str(path)


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
    with pytest.raises(IngestBudgetError, match=r"1 of 2 images failed(.|\n)*--retry-quarantined"):
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


def test_an_image_whose_new_place_cannot_be_read_stays(tmp_path: Path, store: LocalStore) -> None:
    write_pictures(tmp_path / "old", 1)
    ingest(store, [str(tmp_path / "old")], settings())
    report = ingest(store, [write_list(tmp_path / "l.jsonl", '{"path": "gone.jpg", "id": "0000"}')], settings())
    assert (report.kept, report.failed, report.unreadable) == (1, 0, 1)
    assert report.warnings == [
        "cannot be read: 1 x moved image (0000: missing: no such file; it stays as it is in the corpus)"
    ]


def test_rows_that_cannot_be_read_count_towards_the_budget(tmp_path: Path, store: LocalStore) -> None:
    write_pictures(tmp_path, 1)
    source = write_list(tmp_path / "l.csv", "path,caption", "0000.jpg,one", ",two", ",three")
    with pytest.raises(IngestBudgetError, match=r"0 of 1 images failed and 2 rows cannot be read(.|\n)*row 2 is empty"):
        ingest(store, [source], settings(failure_budget=0.5))
    assert rows(store)["0000"].status == "ok"


def test_no_secret_is_in_any_file_of_the_corpus(tmp_path: Path, store: LocalStore) -> None:
    good = encoded(picture(1), "JPEG")
    with bad_server({"/1.jpg?sig=TOKEN&w=1": good}) as server:
        login = server.url.replace("://", "://ann:PASS@")
        urls = ["/1.jpg?sig=TOKEN&w=1", "/404.jpg?sig=TOKEN", "/to/http://[::1?TOKEN"]
        source = write_list(tmp_path / "l.txt", *(login + url for url in urls), "http://ann:PASS@h:99999/?TOKEN")
        wanted = settings(fetch={"retries": 0, "allow_private": True, "keep_query": ["w"]})
        assert ingest(store, [source], wanted).kept == 1
        assert rows(store)[f"{server.url[7:]}/1"].uri == f"{server.url}/1.jpg?w=1"
        server.hits.clear()
        report = ingest(store, [source], wanted, retry_failed=True)
    assert (report.kept, server.hits["/404.jpg?sig=TOKEN"]) == (1, 1)
    assert not [path for path, data in contents(tmp_path / "corpus").items() if b"TOKEN" in data or b"PASS" in data]


def test_duplicates_are_found_and_reported(tmp_path: Path, store: LocalStore) -> None:
    photos = write_pictures(tmp_path / "photos", 5)
    (photos / "copy.jpg").write_bytes((photos / "0001.jpg").read_bytes())
    (photos / "smaller.png").write_bytes(encoded(picture(3).resize((72, 48)), "PNG"))
    report = ingest(store, [str(photos)], settings())
    assert report.duplicates == {"exact": 1, "near": 1}
    pairs = {(found.key, found.duplicate_of, found.kind) for found in read_duplicates(store)}
    assert pairs == {("copy", "0001", "exact"), ("smaller", "0003", "near")}


def test_mislabelled_files_get_the_extension_of_their_content(tmp_path: Path, store: LocalStore) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.jpg").write_bytes(encoded(picture(1), "PNG"))
    (photos / "b.jpeg").write_bytes(encoded(picture(2), "JPEG"))
    report = ingest(store, [str(photos)], settings())
    assert report.warnings == ["mislabelled, kept as what it is: 1 x .jpg that is png"]
    assert rows(store)["a"].ext == "png"


def test_given_boxes_of_all_orientations_are_equal_where_they_show_the_same(tmp_path: Path, store: LocalStore) -> None:
    """One upright picture, stored in eight ways; its annotation file says where the dog is in stored pixels."""
    from PIL import Image

    from stages.ingest.decode import TURNS

    back = {5: 5, 6: 8, 7: 7, 8: 6}  # what undoes a turn; flips and the half turn undo themselves
    shown = Image.new("RGB", (40, 30))
    shown.paste((255, 0, 0), (4, 5, 14, 11))
    coco: dict[str, list[dict[str, object]]] = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "d"}]}
    for value in range(1, 9):
        stored = shown.transpose(TURNS[back.get(value, value)]) if value > 1 else shown
        exif = Image.Exif()
        exif[0x0112] = value
        (tmp_path / f"{value}.png").write_bytes(encoded(stored, "PNG", exif=exif))
        red = stored.getchannel(0).getbbox()
        assert red is not None
        box = [red[0], red[1], red[2] - red[0], red[3] - red[1]]
        name = f"{value}.png"
        coco["images"].append({"id": value, "file_name": name, "width": stored.width, "height": stored.height})
        coco["annotations"].append({"image_id": value, "category_id": 1, "bbox": box})
    (tmp_path / "boxes.json").write_text(json.dumps(coco))
    ingest(store, [str(tmp_path / "boxes.json")], settings())
    found = rows(store)
    assert [(row.width, row.height) for row in found.values()] == [(40, 30)] * 8
    assert [row.given for row in found.values()] == [[Detection("d", box=(4, 5, 14, 11))]] * 8
    assert len({row.phash for row in found.values()}) == 1


def test_annotations_of_another_size_fail_their_image(tmp_path: Path, store: LocalStore) -> None:
    write_pictures(tmp_path, 1)
    row = {"path": "0000.jpg", "width": 10, "height": 9, "given": [{"kind": "object", "box": [1, 2, 3, 4]}]}
    (tmp_path / "list.jsonl").write_text(json.dumps(row))
    report = ingest(store, [str(tmp_path / "list.jsonl")], settings())
    assert report.failures == {"given/size_mismatch": 1}


def test_urls_with_a_misbehaving_server(tmp_path: Path, store: LocalStore) -> None:
    good = encoded(picture(1), "JPEG")
    with bad_server({"/1.jpg": good}) as server:
        urls = ["/1.jpg", "/to/1.jpg", "/flaky/1.jpg", "/cut", "/status/500", "/404.jpg", "/loop"]
        (tmp_path / "list.txt").write_text("\n".join(server.url + url for url in urls))
        fetch = {"timeout_s": 2, "retries": 1, "allow_private": True}
        wanted = settings(fetch=fetch, key="stem", duplicate_keys="number")
        hasty = Fetcher(wanted.fetch, sleep=lambda wait_s: None)
        ingest(store, [str(tmp_path / "list.txt")], wanted, fetcher=hasty)
        port = server.server_address[1]
    found = rows(store)
    assert [key for key, row in found.items() if row.status == "ok"] == ["1", "1~2"]
    assert {row.uri.rpartition(f":{port}")[2]: row.error for row in found.values() if row.error} == {
        "/flaky/1.jpg": "status: 503 Service Unavailable",
        "/cut": "incomplete: the connection ended before the body did",
        "/status/500": "status: 500 Internal Server Error",
        "/404.jpg": "status: 404 Not Found",
        "/loop": "too_many_redirects: more than 5 (fetch.max_redirects)",
    }


def test_private_urls_are_quarantined_by_default(tmp_path: Path, store: LocalStore) -> None:
    (tmp_path / "list.txt").write_text("http://169.254.169.254/latest/meta-data/\n")
    report = ingest(store, [str(tmp_path / "list.txt")], settings())
    assert report.failures == {"fetch/refused_address": 1}


def test_sources_in_tars_are_read_from_their_place(tmp_path: Path, store: LocalStore) -> None:
    photos = write_pictures(tmp_path / "photos", 5)
    ingest(store, [str(photos)], settings(shard_size=100))
    again = LocalStore(tmp_path / "again")
    ingest(again, [str(tmp_path / "corpus/images/000000.tar")], settings(shard_size=100))
    assert (tmp_path / "again/images/000000.tar").read_bytes() == (tmp_path / "corpus/images/000000.tar").read_bytes()


def test_a_corpus_on_an_object_store(tmp_path: Path) -> None:
    photos = write_pictures(tmp_path / "photos", 5)
    store = open_store("memory://ingested")
    assert ingest(store, [str(photos)], settings()).kept == 5
    assert ingest(store, [str(photos)], settings()).written == 0


def test_errors_before_anything_is_written(tmp_path: Path, store: LocalStore) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/notes.txt").touch()
    with pytest.raises(SourceError, match=r"no image in .*empty\n  left out: 1 x file that is no image by its name"):
        ingest(store, [str(tmp_path / "empty")], settings())
    write_pictures(tmp_path / "a", 1)
    write_pictures(tmp_path / "b", 1)
    with pytest.raises(DuplicateKeyError, match=r"0000: .*a/0000\.jpg, .*b/0000\.jpg"):
        ingest(store, [str(tmp_path / "a"), str(tmp_path / "b")], settings())
    assert not (tmp_path / "corpus").exists()


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
