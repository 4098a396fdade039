"""Suspects in the viewer: worst first, by kind, and corrected where they are shown."""

import html
import json
import math
import re
from pathlib import Path
from threading import Event

import msgspec
import pytest
from starlette.testclient import TestClient

from engine.api.review import Suspected, suspected
from engine.view.app import build_app
from engine.view.board import Board
from engine.view.query import Query
from engine.view.rounds import Looker
from engine.view.suspects import cut_around
from engine.view.worst import Found, Worst
from shards.commit import ImageCounts
from shards.finding import GIVEN
from shards.images import ImageRow, write_images
from shards.lookup import complete_lookup
from shards.overview import complete_overview
from shards.overview_table import OverviewTable, open_overview
from shards.reader import Round
from shards.record import Candidate, Record, Region, Vote
from shards.reviews import read_reviews
from shards.rounds import IndexRow, write_round_shard
from shards.store import LocalStore, Store
from tests.engine.view.corpora import BLUE, EVIL, RED, SIZE, build_viewed, picture, source
from tests.engine.view.test_browser import BROWSER, TOKEN, served

AWAY = (5.0, 95.0, 25.0, 115.0)


def region(number: int, label: str, box: tuple[float, float, float, float], *voters: tuple[str, float]) -> Region:
    votes = [Vote(box, label, score, 1.0, source(name, number, score)) for name, score in voters]
    return Region(f"r{number}", "object", box, max(score for _, score in voters),
                  [Candidate("phrase", label, None, votes[0].source)], 0, votes)  # fmt: skip


OVERRULED = IndexRow(
    "c", "", "region", GIVEN, ref="given/5", text="cone", box=RED, kept=False, rule="fuse.overruled", value=0.03,
    threshold=0.3,
)  # fmt: skip


def build_labelled(store: Store, *dropped: IndexRow) -> None:
    """Of "a" people named the red square wrongly and left one out; of "b" nobody labelled anything, the labels of "c"
    (a hostile name among them) a model confirms or does not see."""
    wrong, rival = region(0, "cat", RED, (GIVEN, 1.0)), region(1, "square", RED, ("yolo", 0.9))
    records = [
        ("a", [wrong, rival, region(2, "cube", BLUE, ("yolo", 0.4))]),
        ("b", [region(0, "square", RED, ("yolo", 0.9))]),
        ("c", [region(0, "cube", BLUE, (GIVEN, 1.0), ("yolo", 0.8)), region(1, EVIL, AWAY, (GIVEN, 1.0))]),
    ]  # fmt: skip
    made = [Record(key, f"{key}.jpg", "", *SIZE, 0, [], regions) for key, regions in records]
    rows = [ImageRow(each.key, each.uri, sha256="0", width=SIZE[0], height=SIZE[1], ext="jpg") for each in made]
    write_images(store, "000000", [(row, picture(0)) for row in rows])
    write_round_shard(store, 0, "000000", [(each, "jpg", picture(0)) for each in made],
                [*(IndexRow(each.key, "", "image") for each in made), *dropped], ImageCounts(3, 3), "f")  # fmt: skip
    complete_lookup(store)
    complete_overview(store, 0)


class Held(Worst):
    """Looks at nothing before it is let go, and does not wait for it."""

    def __init__(self, round_: Round, images: OverviewTable) -> None:
        super().__init__(round_, images)
        self.held = Event()

    def start(self, patience_s: float = 0.0) -> bool:
        """Wait only where a time is given."""
        return self.held.is_set() and super().start(patience_s)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    store = LocalStore(tmp_path)
    build_labelled(store)
    return store


@pytest.fixture
def client(store: LocalStore) -> TestClient:
    return TestClient(build_app(store, "labelled", TOKEN, {}), base_url=f"http://localhost:8123/{TOKEN}/")


def test_both_orders_and_kinds(store: LocalStore) -> None:
    worst = Worst(Round(store, 0), open_overview(store, 0))
    assert worst.start(patience_s=20)
    assert worst.progress == (2, 2)
    swapped, overlooked = Found(0, "r0", "swapped", 0.9, 0.9), Found(0, "r2", "overlooked", 0.4, 0.6)
    unseen = Found(2, "r1", "unseen", 0.3, 0.3)
    chosen = worst.first("suspects", "", 0, 10)
    assert (chosen.found, chosen.total) == ([swapped, overlooked, unseen], 3)
    assert chosen.counts == {"swapped": 1, "overlooked": 1, "unseen": 1}
    assert worst.first("doubts", "overlooked", 0, 10).found == [overlooked]
    assert worst.first("doubts", "", 1, 1).found == [overlooked]


def test_memory_keeps_the_first_of_both_orders(store: LocalStore) -> None:
    worst = Worst(Round(store, 0), open_overview(store, 0), kept=0)
    assert worst.start(patience_s=20)
    chosen = worst.first("suspects", "", 0, 10)
    assert (chosen.total, sum(chosen.counts.values())) == (0, 3)


def test_the_page_shows_what_speaks_against_a_label(client: TestClient) -> None:
    found = client.get("suspects?round=0").text
    assert "<strong>3</strong> suspects" in found
    assert "<b>cat</b> · models say square 0.90" in found
    assert "nobody labelled it</span>" in found
    assert "0.40 <i>suspicious</i>" in found
    assert EVIL not in found, "it is text"
    assert "window.pwned" in found
    only = client.get("suspects?round=0&kind=unseen&order=doubts").text
    assert only.count('class="card"') == 1


def test_the_grid_has_the_most_suspicious_images_first(store: LocalStore, client: TestClient) -> None:
    looker = Looker(store)
    board = looker.board(0)
    assert looker.worst(0).start(patience_s=20)
    assert looker.worst(0).of_images().tolist() == pytest.approx([0.9, math.nan, 0.3], nan_ok=True)
    assert board.select(Query(0, sort="suspects")).tolist() == [0, 2, 1]
    page = client.get("./?round=0&sort=suspects").text
    assert re.findall(r'data-key="(.)"', page) == ["a", "c", "b"]
    assert "so that none is suspicious" not in page


def test_an_order_grows_while_images_are_looked_at(store: LocalStore) -> None:
    images = open_overview(store, 0)
    worst = Held(Round(store, 0), images)
    board = Board(images, lambda: None, worst)
    assert board.select(Query(0, sort="suspects")).tolist() == [0, 1, 2]
    worst.held.set()
    assert worst.start(patience_s=20)
    assert board.select(Query(0, sort="suspects")).tolist() == [0, 2, 1]


def test_the_grid_says_that_nobody_labelled_an_image(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    build_viewed(store)
    client = TestClient(build_app(store, "viewed", TOKEN, {}), base_url=f"http://localhost:8123/{TOKEN}/")
    assert "nobody labelled one, so that none is suspicious" in client.get("./?round=0&sort=suspects").text


def test_a_label_that_the_consensus_dropped_is_one_and_can_be_given_back(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    build_labelled(store, OVERRULED)
    client = TestClient(build_app(store, "labelled", TOKEN, {}), base_url=f"http://localhost:8123/{TOKEN}/")
    page = client.get("suspects?round=0&kind=overruled").text
    assert "<b>cone</b> · overruled, 0.03 probable" in page
    assert page.count('class="card"') == 1
    first = suspected(tmp_path)[0]
    assert first == Suspected("c", "given/5", "cone", "overruled", first.score)
    assert first.score == pytest.approx(0.97)
    target = json.loads(html.unescape(page.split('data-target="')[1].split('"')[0]))
    assert target == {"label": "cone", "box": list(RED)}
    line = {"key": "c", "round": 0, "action": "accept", "target": target}
    answer = client.post("review", json=line, headers={"origin": "http://localhost:8123"})
    assert (answer.status_code, answer.text[:13]) == (200, "accept: taken")
    assert 'data-mark="accept"' in client.get("suspects?round=0&kind=overruled").text
    last = Worst(Round(store, 0), open_overview(store, 0))
    assert last.start(patience_s=20)
    assert last.first("doubts", "", 0, 10).found[-1].kind == "overruled"  # most likely rightly dropped


def test_a_cut_is_a_part_of_the_picture_or_nothing(client: TestClient) -> None:
    answer = client.get("cut?round=0&row=0&view=10,10,80,60")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    for view in ("150,0,80,60", "-5,0,8,8", "0,0,0,5", "x", ""):
        assert client.get(f"cut?round=0&row=0&view={view}").status_code == 404
    assert client.get("cut?round=0&row=9&view=0,0,9,9").status_code == 404


def test_a_round_that_nobody_labelled_says_so(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    build_viewed(store)
    client = TestClient(build_app(store, "bare", TOKEN, {}), base_url=f"http://localhost:8123/{TOKEN}/")
    assert "Nobody labelled an image of this round" in client.get("suspects?round=0").text


def test_a_cut_lies_within_the_picture() -> None:
    record = Record("a", "a", "", 100, 50, 0, [], [])
    assert cut_around([(90.0, 40.0, 100.0, 50.0)], record) == (36, 2, 64, 48)
    assert cut_around([(0.0, 0.0, 100.0, 50.0)], record) == (0, 0, 100, 50)
    assert cut_around(
        [(0.0, 0.0, 10.0, 10.0), (20.0, 0.0, 40.0, 30.0)], msgspec.structs.replace(record, width=4000, height=3000)
    ) == (0, 0, 80, 60)


@pytest.mark.skipif(BROWSER is None, reason="no chromium here: the viewer is not tried in a browser")
def test_suspects_are_corrected_by_keys(store: LocalStore) -> None:
    from playwright.sync_api import sync_playwright

    with served(store, "labelled") as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(address)
        page.get_by_role("link", name="Suspects").click()
        page.wait_for_url(lambda url: "/suspects" in url)
        page.locator(".card").first.wait_for()
        page.keyboard.press("j")
        page.keyboard.press("r")
        page.locator("#naming[open]").wait_for()
        assert page.locator("#naming input[name=name]").input_value() == "square"
        page.keyboard.press("Enter")
        page.locator("#told", has_text="relabel: taken. 1 correction waits").wait_for()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("x")
        page.locator("#told", has_text="reject: taken. 2 corrections wait").wait_for()
        page.reload()
        assert page.locator(".card").evaluate_all("all => all.map(each => each.dataset.mark)") == [
            "relabel",
            "reject",
            "",
        ]
        assert problems == []
        browser.close()
    [reviews] = read_reviews(store).values()
    assert [(each.action, each.id, each.text, each.new_text) for each in reviews] == [
        ("relabel", "r0", "cat", "square"), ("reject", "r2", "cube", "")
    ]  # fmt: skip
