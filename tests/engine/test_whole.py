"""The plan is the truth: what was planned and is not there is said by every verb, and no verb goes on without it."""

import shutil
from pathlib import Path

import pytest

from tests.engine.commands import fld
from tests.engine.projects import build, looks


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def corpus(whole: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "copy" / "corpus"
    shutil.copytree(whole.parent, copy.parent)
    assert fld("trust", str(copy)).code == 0
    return copy


def lose(corpus: Path, how: str) -> None:
    manifest = corpus / "images/manifest/000001.json"
    if how == "cut":
        manifest.write_bytes(manifest.read_bytes()[:-9])
        return
    manifest.unlink()
    if how == "never there":
        for path in corpus.glob("images/000001.*"):
            path.unlink()


@pytest.mark.parametrize(("how", "code"), [("deleted", 5), ("cut", 5), ("never there", 2)])
def test_a_lost_image_shard_is_named_by_every_verb(corpus: Path, how: str, code: int) -> None:
    lose(corpus, how)
    before = sorted(path.name for path in corpus.rglob("rounds/**/*"))
    found = looks(corpus)
    del found["show"]  # what it shows is there
    found |= {verb: fld(verb, str(corpus)) for verb in ("annotate", "filter")}
    for verb, done in found.items():
        assert (verb, done.code) == (verb, code), done.said
        assert "000001" in done.said, verb
    assert sorted(path.name for path in corpus.rglob("rounds/**/*")) == before, "no shard is withdrawn from the round"
    assert fld("show", str(corpus), "p001", "-o", str(corpus.parent / "p.png")).code == 0
    assert fld("show", str(corpus), "p999").code == code


def test_a_repair_names_the_pictures_that_it_needs_and_withdraws_nothing(whole: Path, corpus: Path) -> None:
    lose(corpus, "cut")
    before = sorted(path.name for path in corpus.rglob("*.json"))
    photos = next(whole.parent.glob("photos"))
    away = photos.rename(photos.with_name("away"))
    done = fld("verify", str(corpus), "--repair")
    away.rename(photos)
    assert (done.code, "4 are not where they were" in done.said, "p004.png" in done.said) == (2, True, True), done.said
    assert sorted(path.name for path in corpus.rglob("*.json")) == before
    assert fld("verify", str(corpus), "--repair").code == 0
    assert fld("verify", str(corpus)).code == 0


@pytest.mark.parametrize("unit", ["images/plan", "images", "raw/*", "rounds/00"])
def test_verify_finds_a_deleted_manifest_of_every_kind(corpus: Path, unit: str) -> None:
    manifest = sorted(corpus.glob(f"{unit}/manifest/*.json"))[-1]
    manifest.unlink()
    done = fld("verify", str(corpus))
    assert (done.code, "no manifest" in done.said) == (5, True), done.said


@pytest.mark.parametrize("harm", [b"", b"#"])
def test_settings_that_are_not_as_they_were_written_stop_every_verb(corpus: Path, harm: bytes) -> None:
    path = corpus / "corpus.yaml"
    path.write_bytes(path.read_bytes().replace(b"min_score: 0.3", b"min_score: 0.2", 1) + harm)
    for verb in ("status", "annotate", "filter", "verify"):
        done = fld(verb, str(corpus))
        assert (verb, done.code, "corpus.yaml" in done.said) == (verb, 5, True), done.said
    accepted = fld("annotate", str(corpus), "--config", str(path))
    assert accepted.code == 0, accepted.said
    assert fld("status", str(corpus)).code == 0


@pytest.mark.parametrize("verb", ["annotate", "filter", "retrain", "loop", "verify", "status", "export", "run"])
def test_no_verb_touches_a_folder_that_is_no_corpus(tmp_path: Path, verb: str) -> None:
    home = tmp_path / "home"
    (home / "Downloads").mkdir(parents=True)
    (home / "Downloads/movie.iso.part").write_bytes(b"half")
    (home / "Downloads/x.0badcafe.part").write_bytes(b"half")
    more = {"retrain": ["--from", "embedded:florence2-nano"], "export": [str(tmp_path / "o.json")]}.get(verb, [])
    pictures = [str(home)] if verb == "run" else []
    done = fld(verb, *pictures, str(home), *more)
    assert done.code == 2, done.said
    assert sorted(path.name for path in home.rglob("*")) == ["Downloads", "movie.iso.part", "x.0badcafe.part"]
