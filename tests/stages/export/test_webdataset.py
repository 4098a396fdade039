"""The shards of a round in `datasets`' webdataset reader: mixed kinds of pictures, empty lists in the first samples."""

import warnings
from pathlib import Path

import pytest

from stages.export.webdataset import features
from tests.stages.export.rounds import build


def test_shards_are_read_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from datasets import load_dataset

    records = build(tmp_path, bare=5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loaded = load_dataset(
            "webdataset",
            data_files=str(tmp_path / "corpus" / "rounds" / "00" / "shards" / "*.tar"),
            split="train",
            features=features(),
            cache_dir=str(tmp_path / "cache"),
        )
        rows = list(loaded)
    assert [row["json"]["key"] for row in rows] == [record.key for record in records]
    for row, record in zip(rows, records, strict=True):
        picture = row["jpg"] or row["png"]
        assert picture.size == (record.width, record.height)
        assert [region["box"] for region in row["json"]["regions"]] == [list(region.box) for region in record.regions]
