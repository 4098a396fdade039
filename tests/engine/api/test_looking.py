"""A corpus looked at from Python: what the verbs print comes back as reports, and nothing is printed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import engine
from shards.errors import DamageError
from tests.engine.fake_specialists import RectangleDetector
from tests.engine.projects import build
from tests.engine.view.corpora import build_viewed


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("looking"), 5)


@pytest.fixture(autouse=True)
def nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    yield
    assert capsys.readouterr() == ("", "")


def test_status_names_columns_rounds_and_failures(corpus: Path) -> None:
    report = engine.status(corpus)
    images, boxes, texts = report.columns
    assert (images.name, images.done, images.planned, images.kept, images.failed) == ("images", 2, 2, 5, 0)
    assert (boxes.name.startswith("boxes-"), texts.name.startswith("texts-")) == (True, True)
    assert (boxes.done, boxes.planned, boxes.kept) == (2, 2, 5)
    [state] = report.rounds
    assert (state.number, state.images.kept, state.waiting, dict(state.promotions)) == (0, 5, 0, {})
    assert state.tally["region", "kept"] == 5
    assert (report.failures, report.costs, report.notes, report.error) == ({}, [], [], None)
    report.check()


def test_a_corpus_that_lost_something_has_a_report_all_the_same(tmp_path: Path) -> None:
    lost = build(tmp_path, 5)
    (lost / "images/manifest/000001.json").unlink()
    report = engine.status(lost)
    assert (report.columns[0].done, report.columns[0].planned, report.rounds[0].images.read) == (1, 2, 5)
    with pytest.raises(DamageError, match=r"images/manifest/000001\.json is missing"):
        report.check()
    with pytest.raises(engine.ConfigError, match="holds no image shards"):
        engine.status(tmp_path / "photos")


def test_verify_finds_and_repairs(tmp_path: Path) -> None:
    corpus = build(tmp_path, 5)
    assert engine.verify(corpus).error is None
    index = next(corpus.glob("rounds/00/index/*.parquet"))
    index.write_bytes(index.read_bytes()[:-9])
    seen = engine.verify(corpus)
    assert [damage.folder for damage in seen.found.damages] == ["rounds/00"]
    with pytest.raises(DamageError, match=r"1 damaged files: `fld verify .* --repair` rebuilds only"):
        seen.check()
    parts: list[object] = []
    mended = engine.verify(corpus, repair=True, tell=parts.append)
    assert (mended.is_repaired, mended.error, parts[0]) == (True, None, mended.found)
    assert engine.verify(corpus).found.ok


def test_what_nobody_can_make_again_stays_as_it_is(tmp_path: Path) -> None:
    corpus = build(tmp_path, 2)
    (tmp_path / "kept.yaml").write_text((corpus / "corpus.yaml").read_text())
    (corpus / "corpus.yaml").write_text("engine: {backend: local}\n")
    done = engine.verify(corpus, repair=True)
    assert not done.is_repaired
    with pytest.raises(DamageError, match=r"1 damaged files that --repair does not touch: restore corpus\.yaml"):
        done.check()
    (corpus / "corpus.yaml").unlink()
    with pytest.raises(DamageError, match=r"missing: restore it .* --config what the settings are: a file, a profile"):
        engine.status(corpus)
    engine.filter(corpus, tmp_path / "kept.yaml")
    engine.status(corpus).check()


def test_show_has_the_record_what_was_dropped_and_the_picture(corpus: Path) -> None:
    image = engine.show(corpus, "p001")
    assert image.record == engine.Corpus(str(corpus)).round(0).record("p001")
    assert [row["rule"] for row in image.dropped] == ["region.score"]
    plain, all_ = image.picture(), image.picture(dropped=True)
    assert plain.size == all_.size
    assert plain.tobytes() != all_.tobytes()
    with pytest.raises(engine.ConfigError, match="no image 'nobody' in this round; keys look like 'p000'"):
        engine.show(corpus, "nobody")


def test_stats_of_a_round(tmp_path: Path) -> None:
    from shards.store import LocalStore

    build_viewed(LocalStore(tmp_path), images=4)
    report = engine.stats(tmp_path)
    assert report.statistics.round == 1
    assert engine.stats(tmp_path, round=0).statistics.images == report.statistics.images
    assert "region.score" in {drop.rule for drop in report.filters.drops}
    assert json.loads(report.as_json()).keys() >= {"annotations", "elements", "said", "drops"}
    with pytest.raises(engine.ConfigError, match="has no round 7"):
        engine.stats(tmp_path, round=7)


def test_the_page_is_written_where_it_is_wanted(tmp_path: Path) -> None:
    from shards.store import LocalStore

    build_viewed(LocalStore(tmp_path / "corpus"), images=4)
    page = engine.write_report(tmp_path / "corpus", tmp_path / "page.html", against=0)
    assert len((tmp_path / "page.html").read_text()) == page.size
    with pytest.raises(engine.ConfigError, match="against 1: that is the round of the report"):
        engine.write_report(tmp_path / "corpus", tmp_path / "page.html", against=1)


def test_labels_to_look_at_first(corpus: Path) -> None:
    assert engine.suspected(corpus) == []


def test_doctor_says_who_works_and_why_others_do_not() -> None:
    fake = f"{RectangleDetector.__module__}:RectangleDetector"
    annotators = {
        "good": {"role": "detector", "specialist": {"backend": "custom", "factory": fake}},
        "bad": {"role": "detector", "specialist": {"backend": "custom", "factory": "no_such_module:Thing"}},
    }
    report = engine.doctor("embedded", {"annotators": annotators})
    reasons = {each.name: each.reason for each in report.annotators if each.backend == "custom"}
    assert reasons["good"] == ""
    assert "no_such_module" in reasons["bad"]
    assert report.packages["torch"].version
    assert (report.packages["timm"].extra, report.machine.cpus >= 1) == ("detr", True)
    with pytest.raises(engine.ConfigError, match="1 annotators or filters cannot work here: bad"):
        report.check()


def test_trust_names_what_a_corpus_may_do(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    risks = engine.trust(corpus)
    assert [each.path.split(".")[1] for each in risks] == ["boxes", "texts"]
    assert (tmp_path / "fld-engine" / "trusted.json").is_file()
