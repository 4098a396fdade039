"""The damages of a disk, each found by `verify`, named with its sample, and undone by retiring the unit."""

from collections.abc import Callable

import pytest

from shards import commit
from shards.commit import ImageCounts
from shards.images import read_image_rows
from shards.rounds import kept_samples, read_index
from shards.seal import write_sealed
from shards.store import LocalStore
from shards.verify import NO_MANIFEST, retire_damaged, verify
from tests.shards.corpora import build_corpus

IMAGE_TAR, ROUND_TAR = "images/000001.tar", "rounds/00/shards/000001.tar"


@pytest.fixture
def store(tmp_path: object) -> LocalStore:
    store = LocalStore(str(tmp_path))
    build_corpus(store, shards=2, images=4)
    return store


def places(store: LocalStore, path: str) -> list[int]:
    """Byte of the header of each sample in the tar of shard 000001."""
    if path == IMAGE_TAR:
        return [row.offset - 512 for row in read_image_rows(store, "000001") if row.offset is not None]
    samples = kept_samples(read_index(store, 0, "000001"))
    return [place.offset - 512 for _, place in samples if place.offset is not None]


def flip(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


def zero(data: bytes, start: int, size: int) -> bytes:
    return data[:start] + bytes(size) + data[start + size :]


def test_a_whole_corpus_is_whole(store: LocalStore) -> None:
    seen: list[str] = []
    report = verify(store, seen.append)
    assert report.ok
    assert (report.units, report.files, report.damages, report.orphans) == (6, 12, [], [])
    assert report.bytes > 2 * 4 * 3000 * 2
    assert seen[:2] == ["images/000000", "images/000001"]


def test_a_sample_reads_some_units_and_misses_no_file_of_the_others(store: LocalStore) -> None:
    report = verify(store, sample=0.4, seed=1)
    assert (report.units, report.read, report.ok) == (6, 2, True)
    assert report.bytes < verify(store).bytes
    data = bytes(store.read(IMAGE_TAR))
    store.write(IMAGE_TAR, [flip(data, 700)])
    found = [len(verify(store, sample=0.4, seed=seed).damages) for seed in range(12)]
    assert found == [len(verify(store, sample=0.4, seed=seed).damages) for seed in range(12)]
    assert {0, 1} == {*found}, "one sample sees what another does not"
    store.remove(IMAGE_TAR)
    gone = [str(verify(store, sample=0.01, seed=seed).damages[0]) for seed in range(6)]
    assert all(said.startswith("images 000001:") and "missing" in said for said in gone)


@pytest.mark.parametrize("path", [IMAGE_TAR, ROUND_TAR])
@pytest.mark.parametrize(
    ("damage", "lost"),
    [
        (lambda data, at: data[:at], "23"),
        (lambda data, at: data[: at + 100], "23"),
        (lambda data, at: zero(data, at, 512), "2"),
        (lambda data, at: flip(data, at + 130), "2"),
        (lambda data, at: data[: at + 512 + 1000], "23"),
        (lambda data, at: zero(data, at + 512, 3000), "2"),
        (lambda data, at: flip(data, at + 512 + 2999), "2"),
        (lambda data, at: b"", "0123"),
    ],
    ids=[
        "boundary",
        "header_cut",
        "header_zeroed",
        "header_flip",
        "payload_cut",
        "payload_zeroed",
        "payload_flip",
        "empty",
    ],
)
def test_a_damaged_tar_names_its_lost_samples(
    store: LocalStore, path: str, damage: Callable[[bytes, int], bytes], lost: str
) -> None:
    store.write(path, [damage(store.read(path), places(store, path)[2])])
    report = verify(store)
    folder = "images" if path == IMAGE_TAR else "rounds/00"
    assert {(found.folder, found.name, found.damage.path) for found in report.damages} == {(folder, "000001", path)}
    assert {found.damage.key for found in report.damages} == {f"s1/image{index}" for index in lost}


def test_a_cut_between_image_and_record_names_the_sample(store: LocalStore) -> None:
    cut = places(store, ROUND_TAR)[3] + 512 + 3072
    store.write(ROUND_TAR, [store.read(ROUND_TAR)[:cut]])
    [found] = verify(store).damages
    assert found.damage.key == "s1/image3"
    assert "s1/image3.json is cut off or missing" in found.damage.reason


def test_a_flip_in_a_record_names_the_sample(store: LocalStore) -> None:
    store.write(ROUND_TAR, [store.read(ROUND_TAR).replace(b"called s1/image1", b"colled s1/image1")])
    [found] = verify(store).damages
    assert str(found).startswith(f"rounds/00 000001: {ROUND_TAR}: CRC-32 is ")
    assert str(found).endswith("the bytes of s1/image1.json are damaged (image 's1/image1')")


def test_damage_after_the_last_sample_is_found(store: LocalStore) -> None:
    store.write(IMAGE_TAR, [store.read(IMAGE_TAR) + b"x"])
    [found] = verify(store).damages
    assert (found.damage.path, found.damage.key) == (IMAGE_TAR, "")


@pytest.mark.parametrize(
    "path",
    [
        "images/000001.parquet",
        "raw/detector-3fa9c1/000000.parquet",
        "rounds/00/index/000000.parquet",
        "rounds/00/summary/000000.parquet",
    ],
)
@pytest.mark.parametrize("what", ["flip", "cut", "missing"])
def test_a_damaged_table_is_found(store: LocalStore, path: str, what: str) -> None:
    data = store.read(path)
    store.remove(path)
    if what != "missing":
        store.write(path, [flip(data, len(data) // 2) if what == "flip" else data[:-10]])
    [found] = verify(store).damages
    assert found.damage.path == path


def test_tar_and_table_damaged_together_are_both_found(store: LocalStore) -> None:
    for path in (IMAGE_TAR, "images/000001.parquet"):
        store.write(path, [flip(store.read(path), 700)])
    assert [found.damage.path for found in verify(store).damages] == [IMAGE_TAR, "images/000001.parquet"]


def test_a_damaged_manifest_is_found_and_its_files_are_no_orphans(store: LocalStore) -> None:
    path = "rounds/00/manifest/000001.json"
    store.write(path, [flip(store.read(path), 50)])
    report = verify(store)
    assert [str(found) for found in report.damages] == [f"rounds/00 000001: {path}: the manifest is damaged"]
    assert report.orphans == []


def test_files_of_no_unit_are_listed_but_are_no_damage(store: LocalStore) -> None:
    for path in ("rounds/00/report/stats.json", "rounds/00/model/config.json", "corpus.yaml", "logs/run.jsonl"):
        store.write(path, [b"{}"])
    store.write("raw/detector-3fa9c1/junk.parquet", [b""])
    report = verify(store)
    assert report.ok
    assert report.orphans == ["raw/detector-3fa9c1/junk.parquet"]


def test_files_of_a_unit_without_its_manifest_are_damage_and_are_removed_with_it(store: LocalStore) -> None:
    commit.retire(store, "images", "000001")
    report = verify(store)
    assert [str(found) for found in report.damages] == [
        f"images 000001: {path}: {NO_MANIFEST}" for path in ("images/000001.parquet", IMAGE_TAR)
    ]
    retire_damaged(store, report.damages)
    assert IMAGE_TAR not in store.walk()


def test_a_sealed_file_that_was_changed_or_lost_is_found(store: LocalStore) -> None:
    for path in ("corpus.yaml", "rounds/00/promotion.json", "rounds/00/report/watch.json"):
        write_sealed(store, path, b"as it was")
    assert verify(store).ok
    store.write("corpus.yaml", [b"as it is."])
    store.remove("rounds/00/promotion.json")
    found = verify(store).of_single_files
    assert [(each.name, each.damage.reason) for each in found] == [
        ("corpus.yaml", "damaged, or changed by hand"),
        ("rounds/00/promotion.json", "missing"),
    ]


def test_counts_that_differ_from_the_table_are_found(store: LocalStore) -> None:
    for folder, name in (("images", "000000"), ("raw/detector-3fa9c1", "000001"), ("rounds/00", "000001")):
        manifest = commit.find(store, folder, name)
        assert manifest is not None
        files = {path: store.read(f"{folder}/{path}") for path in manifest.files}
        commit.publish(store, folder, name, files, ImageCounts(manifest.counts.read, manifest.counts.read), "f")
    assert [found.damage.reason for found in verify(store).damages] == [
        "its table has 5 images, 4 of them kept; its manifest says 5 and 5",
        "its table has 5 images, 4 of them kept; its manifest says 5 and 5",
    ]


def test_a_manifest_without_the_table_of_its_kind_is_found(store: LocalStore) -> None:
    commit.publish(store, "images", "000009", {"000009.tar": b""}, ImageCounts(0, 0), "")
    [found] = verify(store).damages
    assert (found.name, found.damage.path) == ("000009", "images/manifest/000009.json")
    assert "names no table: " in found.damage.reason


def test_a_unit_made_from_other_images_is_found(store: LocalStore) -> None:
    small = LocalStore(store.url + "-small")
    build_corpus(small, shards=2, images=3)
    for path in ("000001.tar", "000001.parquet", "manifest/000001.json"):
        store.write(f"images/{path}", [small.read(f"images/{path}")])
    assert [(found.folder, found.name, found.damage.reason) for found in verify(store).damages] == [
        ("raw/detector-3fa9c1", "000001", "annotates 4 images, its shard has 3"),
        ("rounds/00", "000001", "judges 5 images, its shard has 4"),
    ]


def test_retire_withdraws_exactly_the_damaged_units(store: LocalStore) -> None:
    before = {path: store.read(path) for path in store.walk()}
    for path in (IMAGE_TAR, "rounds/00/index/000000.parquet"):
        store.write(path, [flip(before[path], 900)])
    assert retire_damaged(store, verify(store).damages) == [("images", "000001"), ("rounds/00", "000000")]
    assert list(commit.committed(store, "images")) == ["000000"]
    assert list(commit.committed(store, "rounds/00")) == ["000001"]
    assert list(commit.committed(store, "raw/detector-3fa9c1")) == ["000000", "000001"]
    build_corpus(store, shards=2, images=4)
    assert {path: store.read(path) for path in store.walk()} == before
    assert verify(store).ok


def test_a_model_is_read_and_never_withdrawn(store: LocalStore) -> None:
    model = "rounds/00/model"
    for name in ("model.safetensors", "training.json"):
        store.write(f"{model}/{name}", [name.encode()])
    assert verify(store).unsealed == [model]
    commit.seal(store, model, "model", ["model.safetensors", "training.json"], "job")
    report = verify(store)
    assert (report.ok, report.unsealed, report.units, report.of_models) == (True, [], 7, [])
    store.write(f"{model}/model.safetensors", [b"model.safetensorz"])
    found = verify(store)
    assert [str(each).partition(": CRC")[0] for each in found.of_models] == [
        f"{model} model: {model}/model.safetensors"
    ]
    assert retire_damaged(store, found.damages) == []
    assert commit.find(store, model, "model") is not None


def test_a_damaged_manifest_of_a_model_is_a_damage(store: LocalStore) -> None:
    store.write("rounds/00/model/training.json", [b"{}"])
    commit.seal(store, "rounds/00/model", "model", ["training.json"], "job")
    path = "rounds/00/model/manifest/model.json"
    store.write(path, [store.read(path)[:-2]])
    assert [each.damage.reason for each in verify(store).of_models] == ["the manifest is damaged"]


def test_only_files_that_are_there_are_sealed(store: LocalStore) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        commit.seal(store, "rounds/00/model", "model", ["nowhere"], "job")
