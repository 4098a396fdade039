"""Checksums of a model that has just been trained."""

from pathlib import Path

from shards import commit
from shards.store import LocalStore
from stages.retrain.seal import seal_model


def test_the_models_own_files_are_sealed_and_stay_so_where_it_moves(tmp_path: Path) -> None:
    work = tmp_path / "training-model"
    (work / "trainer").mkdir(parents=True)
    for name in ("model.safetensors", "training.json", "trainer/metrics.jsonl"):
        (work / name).write_text(name)
    seal_model(work, "job")
    work.rename(tmp_path / "model")
    store = LocalStore(tmp_path)
    found = commit.find(store, "model", "model")
    assert found is not None
    assert (found.fingerprint, list(found.files)) == ("job", ["model.safetensors", "training.json"])
    assert commit.verify_unit(store, "model", found) == []
    (tmp_path / "model/model.safetensors").write_text("model.safetensorz")
    assert [damage.path for damage in commit.verify_unit(store, "model", found)] == ["model/model.safetensors"]
