from pathlib import Path

import pytest
from pydantic import ValidationError

from specialists import weights
from specialists.roles import MissingRequirementError
from specialists.weights import ModelSettings

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def checkpoint(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in {"config_json": "{}", "model_safetensors": "weights", **files}.items():
        stem, _, suffix = name.rpartition("_")
        (folder / f"{stem}.{suffix}").write_text(text, encoding="utf-8")
    return folder


def test_identity_is_the_content_and_not_the_place(tmp_path: Path) -> None:
    first = weights.identity("x", str(checkpoint(tmp_path / "a")), None)
    assert first == weights.identity("x", str(checkpoint(tmp_path / "b")), None)
    assert first != weights.identity("x", str(checkpoint(tmp_path / "c", model_safetensors="other")), None)
    assert first != weights.identity("x", str(checkpoint(tmp_path / "d", tokenizer_json="new")), None)
    assert first.startswith("sha256:")


def test_what_is_not_the_model_does_not_count(tmp_path: Path) -> None:
    plain = weights.identity("x", str(checkpoint(tmp_path / "a")), None)
    noisy = checkpoint(tmp_path / "b", card_json="1", README_md="2", optimizer_pt="3", trainer_state_json="4")
    assert weights.identity("x", str(noisy), None) == plain


def test_a_hash_is_remembered_until_the_file_changes(tmp_path: Path) -> None:
    file = tmp_path / "model.pt"
    file.write_text("one", encoding="utf-8")
    first = weights.file_sha256(file)
    [note] = list((weights.cache_folder() / "sha256").iterdir())
    note.write_text("remembered", encoding="ascii")
    assert weights.file_sha256(file) == "remembered"
    file.write_text("other", encoding="utf-8")
    assert weights.file_sha256(file) not in (first, "remembered")


def test_a_home_that_cannot_be_written_only_costs_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, not a folder", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    assert len(weights.file_sha256(blocked)) == 64


def test_missing_weights_say_how_to_pin_a_hub_id() -> None:
    with pytest.raises(MissingRequirementError, match=r"detr: no weights at 'facebook/detr-resnet-50'.*its commit"):
        weights.locate("detr", "facebook/detr-resnet-50", None)
    with pytest.raises(MissingRequirementError, match="no embedded checkpoint 'nothing'"):
        weights.locate("detr", "embedded:nothing", None)
    with pytest.raises(MissingRequirementError, match="no embedded checkpoint"):
        weights.locate("detr", "embedded:../roles.py", None)


@pytest.mark.parametrize("revision", ["main", "v1.0", "0123456", COMMIT.upper()])
def test_a_revision_that_can_move_is_refused(revision: str) -> None:
    with pytest.raises(ValidationError, match="revision must be a commit of 40 hex digits"):
        ModelSettings(weights="facebook/detr-resnet-50", revision=revision)


def test_a_pinned_hub_id_is_its_own_identity_without_network() -> None:
    assert ModelSettings(weights="a/b", revision=COMMIT).revision == COMMIT
    assert weights.identity("x", "a/b", COMMIT) == f"hub:a/b@{COMMIT}"


def test_hub_snapshots_come_from_the_cache_and_else_say_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    snapshots = tmp_path / "models--acme--tiny" / "snapshots"
    snapshots.mkdir(parents=True)
    folder = checkpoint(snapshots / COMMIT)
    assert weights.locate("detr", "acme/tiny", COMMIT) == folder
    with pytest.raises(MissingRequirementError, match=rf"cannot fetch acme/other .*hf download acme/other .*{COMMIT}"):
        weights.locate("detr", "acme/other", COMMIT)


def test_a_folder_must_hold_one_weight_file(tmp_path: Path) -> None:
    file = tmp_path / "yolo.pt"
    with pytest.raises(MissingRequirementError, match=r"must hold one \.pt file, found none"):
        weights.weight_file("ultralytics", tmp_path, (".pt",))
    file.touch()
    assert weights.weight_file("ultralytics", tmp_path, (".pt",)) == file
    assert weights.weight_file("ultralytics", file) == file
    (tmp_path / "last.pt").touch()
    with pytest.raises(MissingRequirementError, match=r"found last\.pt, yolo\.pt: name the file in weights"):
        weights.weight_file("ultralytics", tmp_path, (".pt",))


def test_a_missing_package_names_the_extra() -> None:
    with pytest.raises(MissingRequirementError, match=r"ultralytics needs the package .*'fld-engine\[yolo\]'"):
        weights.require_package("ultralytics", "no_such_package", "yolo")
    with pytest.raises(MissingRequirementError, match="pip install fld-engine"):
        weights.library("florence2", "no-such-distribution")
    assert weights.library("florence2", "transformers").startswith("transformers ")
