"""Which settings a corpus has after a command that failed: the ones before, unless it was stopped and goes on."""

from pathlib import Path

import pytest

from engine.config.config import load_config, save
from engine.corpus.kept_settings import settings_in_force
from engine.corpus.session import opened
from shards.errors import InputError, StoppedError
from shards.seal import broken
from shards.store import open_store
from tests.engine.commands import fld
from tests.engine.fake_specialists import save_pictures
from tests.engine.verbs.test_rounds import CONFIG

OTHER = load_config("embedded", {"filters.region.min_score": 0.9})


def test_a_command_that_fails_leaves_the_settings_as_they_were(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    save(load_config("embedded"), store)
    before = store.read("corpus.yaml")
    with settings_in_force(OTHER, store):
        assert b"min_score: 0.9" in store.read("corpus.yaml")
    save(load_config("embedded"), store)
    with pytest.raises(InputError, match="bad"), settings_in_force(OTHER, store):
        raise InputError("bad")
    assert (store.read("corpus.yaml"), broken(store, "corpus.yaml", before)) == (before, "")


@pytest.mark.parametrize("error", [StoppedError("over the budget"), KeyboardInterrupt()])
def test_a_command_that_was_stopped_goes_on_with_its_settings(tmp_path: Path, error: BaseException) -> None:
    store = open_store(str(tmp_path))
    save(load_config("embedded"), store)
    with pytest.raises(type(error)), settings_in_force(OTHER, store):
        raise error
    assert b"min_score: 0.9" in store.read("corpus.yaml")


def test_a_damaged_file_is_not_sealed_as_sound(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    save(load_config("embedded"), store)
    (tmp_path / "corpus.yaml").write_bytes(b"engine: {}")
    with pytest.raises(InputError), settings_in_force(OTHER, store):
        raise InputError("bad")
    assert b"min_score: 0.9" in store.read("corpus.yaml")


def test_a_filter_that_cannot_work_changes_no_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save_pictures(tmp_path / "photos", 4)
    (tmp_path / "fakes.yaml").write_text(CONFIG)
    assert fld("run", "photos", "corpus", "--config", "fakes.yaml").code == 0
    before = Path("corpus/corpus.yaml").read_bytes()
    done = fld("filter", "corpus", "--set", "filters.parser.pipeline=en_core_web_nowhere")
    assert done.code == 2, done.said
    assert Path("corpus/corpus.yaml").read_bytes() == before
    assert fld("filter", "corpus").code == 0


def test_a_first_try_that_fails_leaves_nothing_behind_that_the_next_one_meets(tmp_path: Path) -> None:
    photos, corpus = tmp_path / "photos", tmp_path / "corpus"
    done = fld("ingest", str(photos), str(corpus), "--set", "ingest.shard_size=1")
    assert (done.code, "neither an image, a folder nor a list" in done.said) == (2, True), done.said
    assert [path.name for path in corpus.iterdir() if not path.name.startswith(".lock")] == []
    save_pictures(photos, 3)
    assert fld("ingest", str(photos), str(corpus)).code == 0
    assert len([*(corpus / "images").glob("*.tar")]) == 1


def test_what_began_keeps_its_settings_file(tmp_path: Path) -> None:
    save_pictures(tmp_path / "photos", 3)
    corpus = str(tmp_path / "corpus")
    assert fld("ingest", str(tmp_path / "photos"), corpus).code == 0
    before = (tmp_path / "corpus/corpus.yaml").read_bytes()
    with pytest.raises(InputError), opened(corpus, None, ["filters.region.min_score=0.9"], runs=["ingest"]):
        raise InputError("bad")
    assert (tmp_path / "corpus/corpus.yaml").read_bytes() == before
