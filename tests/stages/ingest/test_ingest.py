"""Pictures become a corpus: shards, rows, failures, duplicates, budgets; once, from nothing."""

import json
import tarfile
from pathlib import Path

import pytest

from shards.finding import Detection
from shards.images import read_image
from shards.store import LocalStore, open_store
from stages.ingest.duplicates import read_duplicates
from stages.ingest.entry import SourceError
from stages.ingest.fetch import Fetcher
from stages.ingest.ingest import ingest as ingest_in_processes
from stages.ingest.keys import DuplicateKeyError
from stages.ingest.report import IngestBudgetError, IngestReport
from tests.stages.ingest.broken import encoded, picture, write_broken
from tests.stages.ingest.corpora import contents, ingest, rows, settings, write_list, write_pictures
from tests.stages.ingest.servers import bad_server


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
