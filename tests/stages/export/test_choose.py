"""What is exported, where its pictures are, and which numbers labels have."""

from pathlib import Path

import pytest

import engine
from shards.record import Record
from shards.store import LocalStore
from stages.export.categories import Categories
from stages.export.choose import QueryError
from stages.export.pictures import PictureError
from tests.stages.export.rounds import build

Files = tuple[Path, list[Record]]


@pytest.fixture
def made(tmp_path: Path) -> Files:
    return tmp_path, build(tmp_path)


def test_a_condition_chooses_images(made: Files) -> None:
    folder, records = made
    wanted = [record for record in records if sum(region.kind == "object" for region in record.regions) > 2]
    assert 0 < len(wanted) < len(records)
    report = engine.export(folder / "corpus", folder / "out", format="jsonl", where="objects > 2")
    assert report.images == len(wanted)


def test_a_condition_that_is_none_names_the_columns(made: Files) -> None:
    with pytest.raises(QueryError, match=r"where 'object > 2': .*; the columns are key, shard, .*labels"):
        engine.export(made[0] / "corpus", made[0] / "out", where="object > 2")


def test_a_condition_reads_no_file(made: Files) -> None:
    where = f"key in (select content from read_text('{made[0]}/photos/*'))"
    with pytest.raises(QueryError, match=r"(disabled|Permission)"):
        engine.export(made[0] / "corpus", made[0] / "out", where=where)


def test_links_lead_to_the_files_that_were_ingested(made: Files) -> None:
    engine.export(made[0] / "corpus", made[0] / "out", pictures="link")
    links = sorted(path for path in (made[0] / "out" / "images").rglob("*") if path.is_symlink())
    assert len(links) == len(made[1])
    assert {link.resolve().parent for link in links} == {made[0] / "photos"}


def test_a_source_that_changed_is_not_linked(made: Files) -> None:
    (made[0] / "photos" / "0.jpg").write_bytes(b"another")
    with pytest.raises(PictureError, match="has changed since it was ingested: take pictures copy"):
        engine.export(made[0] / "corpus", made[0] / "out", pictures="link")


def test_what_is_there_is_not_written_over(made: Files) -> None:
    (made[0] / "out").mkdir()
    (made[0] / "out" / "mine.txt").write_text("mine")
    with pytest.raises(engine.ConfigError, match="is not an empty folder"):
        engine.export(made[0] / "corpus", made[0] / "out")
    assert [path.name for path in (made[0] / "out").iterdir()] == ["mine.txt"]


def test_a_label_keeps_its_number(made: Files) -> None:
    store = LocalStore(str(made[0] / "corpus"))
    first = Categories(store)
    first.learn(["zebra", "ant"])
    assert (first.number("ant"), first.number("zebra")) == (0, 1)
    later = Categories(store)
    later.learn(["bee", "ant"])
    assert (later.names, later.number("bee")) == (["ant", "zebra", "bee"], 2)
    assert Categories(store).names == later.names
