import pytest

from engine.forecast.disk import FolderSize, folder_sizes

FILES = {
    "images/000000.tar": 10_000, "images/000000.parquet": 900, "images/manifest/000000.json": 300,
    "images/000001.tar": 5_200, "images/000001.parquet": 700, "images/manifest/000001.json": 300,
    "images/plan/000000.parquet": 150, "images/plan/manifest/000000.json": 150, "corpus.yaml": 30,
    "rounds/00/shards/000000.tar": 4_000, "rounds/00/shards/000001.tar": 2_000, "rounds/00/overview/images.parquet": 60,
}  # fmt: skip
COUNTS = {"000000": 20, "000001": 10}


def test_a_line_through_both_shards_and_what_is_there_once() -> None:
    found = folder_sizes(FILES, COUNTS)
    assert found["images"] == FolderSize(fixed=1200, each=500.0, files=3, beside_each=10.0, beside_files=2)
    assert found["rounds/00"] == FolderSize(fixed=0, each=200.0, files=1, beside_each=2.0, beside_files=1)
    assert found[""].beside_files == 1
    assert found["images"].bytes(1000, 256) == pytest.approx(4 * 1200 + 1000 * 510)
    assert found["images"].count(1000, 256) == 4 * 3 + 2


def test_a_file_never_costs_less_than_nothing() -> None:
    found = folder_sizes({"raw/a-1/000000.parquet": 5000, "raw/a-1/000001.parquet": 100}, COUNTS)
    assert found["raw/a-1"].fixed == 0
    assert folder_sizes({"raw/a-1/000000.parquet": 5000}, {"000000": 10})["raw/a-1"].each == 500
