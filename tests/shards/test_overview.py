import numpy as np
import pytest

from shards import commit, table
from shards.errors import DamageError
from shards.layout import round_folder
from shards.overview import (
    IMAGES_FILE,
    LISTS,
    NAMES_FILE,
    SCHEMA,
    complete_overview,
    find_overview,
    overview_files,
    withdraw_overview,
)
from shards.overview_table import OverviewTable, open_overview
from shards.reader import Corpus
from shards.store import LocalStore
from shards.verify import verify
from tests.shards.corpora import build_corpus, image_bytes
from tests.shards.test_summaries import make_old


@pytest.fixture
def store(tmp_path: object) -> LocalStore:
    store = LocalStore(str(tmp_path))
    build_corpus(store, shards=3, images=4)
    return store


def test_it_holds_every_image_in_the_order_of_the_corpus(store: LocalStore) -> None:
    complete_overview(store, 0)
    images = open_overview(store, 0)
    wanted = [str(row["key"]) for shard in Corpus(store).round(0).shards() for row in summary_rows(store, shard)]
    assert images.text("key").to_pylist() == wanted
    assert len(images) == 15
    rules = images.lists("rules")
    assert {(wanted[row], rules.names[code]) for row, code in zip(rules.rows, rules.codes, strict=True)} == {
        (key, "score") for key in wanted if not key.endswith("broken")
    }
    assert images.words("status").names == ["kept", "dropped"]
    texts = images.numbers("texts")
    assert [bool(np.isnan(texts[row])) for row in range(3)] == [False, True, False]


def summary_rows(store: LocalStore, shard: str) -> list[dict[str, object]]:
    table = Corpus(store).round(0).summary(shard)
    assert table is not None
    rows: list[dict[str, object]] = table.to_pylist()
    return rows


def test_a_row_leads_to_its_image(store: LocalStore) -> None:
    complete_overview(store, 0)
    images, round_ = open_overview(store, 0), Corpus(store).round(0)
    place = images.place(7)
    assert place == {name: value for name, value in round_.find(str(place["key"])).items() if name in place}
    assert round_.image_of(place) == image_bytes(str(place["key"]))


def test_cells_of_images_that_lie_together_and_of_others_are_the_same(store: LocalStore) -> None:
    files = overview_files(store, 0, commit.committed(store, round_folder(0)))
    whole = table.decode(b"".join(files[IMAGES_FILE]), SCHEMA, IMAGES_FILE)
    parts = [whole.slice(at, 1) for at in range(whole.num_rows)]  # more than are read by themselves
    images = OverviewTable(b"".join(table.encode_parts(parts, SCHEMA)), b"".join(files[NAMES_FILE]))
    names = [name for name in SCHEMA.names if name not in LISTS]
    rows = [5, 0, 7, 2, 5]
    wanted = [{name: whole.column(name)[row].as_py() for name in names} for row in rows]
    assert images.cells(rows, names) == wanted
    assert [images.cells([row], names)[0] for row in rows] == wanted
    assert [images.cells([row], names)[0] for row in range(whole.num_rows)] == [
        {name: whole.column(name)[row].as_py() for name in names} for row in range(whole.num_rows)
    ]
    assert len(images._parts) <= 8, "who asks for all of it gets whole columns"
    assert any(value is None for cells in wanted for value in cells.values())


def test_an_overview_is_made_in_memory_where_there_is_none(store: LocalStore) -> None:
    seen: list[tuple[int, int]] = []
    made = open_overview(store, 0, lambda done, of: seen.append((done, of)))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert store.names("rounds/00/overview") == []
    complete_overview(store, 0)
    assert contents(made) == contents(open_overview(store, 0))


def contents(images: OverviewTable) -> list[object]:
    return [images.text(name).to_pylist() for name in ("key", "caption", "uri")]


def test_an_older_round_is_completed_and_its_shards_stay(store: LocalStore) -> None:
    old = make_old(store)
    before = {path: store.read(f"rounds/00/{path}") for path in old.files}
    complete_overview(store, 0)
    assert {path: store.read(f"rounds/00/{path}") for path in old.files} == before
    assert all(each.version == 2 for each in commit.committed(store, round_folder(0)).values())
    report = verify(store)
    assert (report.ok, report.orphans) == (True, [])


def test_a_withdrawn_overview_is_not_used(store: LocalStore) -> None:
    first = complete_overview(store, 0)
    assert complete_overview(store, 0) == first == find_overview(store, 0)
    withdraw_overview(store, 0)
    assert find_overview(store, 0) is None
    assert complete_overview(store, 0) == first
    assert complete_overview(store, 5) is None


@pytest.mark.parametrize("name", ["names.parquet", "images.parquet"])
def test_an_overview_with_another_file_in_it_is_damage(store: LocalStore, name: str) -> None:
    complete_overview(store, 0)
    other = "images.parquet" if name == "names.parquet" else "names.parquet"
    store.write(f"rounds/00/overview/{name}", [store.read(f"rounds/00/overview/{other}")])
    with pytest.raises(DamageError, match=f"rounds/00/overview/{name}: .* bytes, .* were written"):
        open_overview(store, 0)
