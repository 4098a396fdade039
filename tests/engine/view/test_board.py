import pytest

from engine.view import pages
from engine.view.query import Query
from engine.view.rounds import Looker
from shards.overview import complete_overview, withdraw_overview
from shards.store import LocalStore
from tests.engine.view.corpora import EVIL, build_viewed


@pytest.fixture
def looker(tmp_path: object) -> Looker:
    store = LocalStore(str(tmp_path))
    build_viewed(store)
    return Looker(store)


def keys(looker: Looker, query: Query) -> list[str]:
    board = looker.board(query.round)
    texts = board.images.text("key").to_pylist()
    return [texts[row] for row in board.select(query)]


def test_facets_count_all_images(looker: Looker) -> None:
    board = looker.board(1)
    assert board.counts(Query(1), "label") == [("cube", 12), ("square", 12)]
    assert board.counts(Query(1), "status") == [("kept", 12), ("dropped", 2), ("failed", 2)]
    assert board.counts(Query(1), "rule") == [("region.score", 12)]
    assert board.counts(Query(1), "votes") == [("1", 12), ("no region", 4)]
    assert board.counts(Query(1), "texts") == [("brief", 12), ("detailed", 1)]
    assert board.counts(Query(1), "change") == [("labels", 12), ("same", 4)]
    assert looker.board(0).counts(Query(0), "change") == []


def test_values_of_one_facet_are_alternatives_and_facets_narrow_each_other(looker: Looker) -> None:
    board = looker.board(1)
    query = Query(1, {"status": ("dropped", "failed")})
    assert sorted(keys(looker, query)) == ["broken/0", "broken/1", "double/0", "double/1"]
    assert board.counts(query, "label") == []
    assert board.counts(query, "status") == [("kept", 12), ("dropped", 2), ("failed", 2)], "its own choice is left out"
    assert keys(looker, Query(1, {"label": ("nobody",)})) == []


def test_the_worst_come_first_and_images_without_score_last(looker: Looker) -> None:
    found = keys(looker, Query(0, sort="score"))
    assert found[:4] == ["set/000", "set/010", EVIL, "set/011"]
    assert {key.split("/")[0] for key in found[-4:]} == {"double", "broken"}


def test_a_random_order_is_the_same_for_everybody(looker: Looker) -> None:
    found = keys(looker, Query(0, sort="random"))
    assert found == keys(Looker(looker.store), Query(0, sort="random"))
    assert found != keys(looker, Query(0))
    assert sorted(found) == sorted(keys(looker, Query(0)))


def test_ranges_and_texts_narrow(looker: Looker) -> None:
    assert keys(looker, Query(0, ranges={"score": (0.0, 0.36)})) == ["set/000", "set/010"]
    assert keys(looker, Query(0, text="SET/00")) == [f"set/{number:03d}" for number in (0, 2, 4, 6, 8, 3, 5, 7, 9)]
    assert len(keys(looker, Query(0, text="beside a blue"))) == 12
    assert keys(looker, Query(0, text="(.*")) == [], "a text, no pattern"


def test_a_histogram_counts_every_image_with_a_number(looker: Looker) -> None:
    bars = looker.board(0).histogram(Query(0), "score")
    assert sum(bar.count for bar in bars) == 12
    assert (bars[0].low, bars[-1].high) == (0.0, 1.0)
    for bar in bars:
        assert len(keys(looker, Query(0, ranges={"score": (bar.low, bar.high)}))) >= bar.count
    assert sum(bar.count for bar in looker.board(0).histogram(Query(0), "drops")) == 16


def test_a_round_that_is_written_again_is_shown_anew_when_it_is_done(looker: Looker) -> None:
    watching = Looker(looker.store, check_every_s=0)
    before = watching.board(0)
    withdraw_overview(looker.store, 0)
    assert watching.board(0) is before, "in the middle of it"
    complete_overview(looker.store, 0)
    assert watching.board(0) is before, "nothing changed"
    withdraw_overview(looker.store, 0)
    build_viewed(looker.store, images=6)
    assert len(watching.images(0)) == 10
    fresh = Looker(looker.store, check_every_s=0)
    withdraw_overview(looker.store, 0)
    in_memory = fresh.board(0)
    assert fresh.board(0) is in_memory
    complete_overview(looker.store, 0)
    assert fresh.board(0) is not in_memory


def test_a_damaged_shard_costs_its_cards_their_boxes_and_not_the_page(looker: Looker) -> None:
    tar = "rounds/00/shards/000001.tar"
    looker.store.write(tar, [looker.store.read(tar).replace(b"beside", b"BESIDE")])
    cards = pages.grid(looker, Query(0)).cards
    assert [len(card.shapes) for card in cards] == [2] * 6 + [0] * 10
