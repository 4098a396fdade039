"""The main flows in a real Chromium, on a corpus of drawn squares. FLD_SCREENSHOTS=folder keeps pictures of them.

Skipped where there is no browser: `apt-get install --no-install-recommends chromium fonts-noto-cjk`."""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from engine.api.view import listen
from engine.view.app import build_app
from shards.store import LocalStore
from tests.engine.view.corpora import EVIL, build_viewed

if TYPE_CHECKING:
    from playwright.sync_api import Page

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium here: the viewer is not tried in a browser")
TOKEN = "s3cret"


@contextmanager
def served(store: LocalStore, name: str) -> Iterator[str]:
    """The address of a viewer in a thread of its own."""
    import uvicorn

    listener = listen(0)
    app = build_app(store, name, TOKEN, {"yolo": "detector", "words": "reader"})
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    serving = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    serving.start()
    yield f"http://localhost:{listener.getsockname()[1]}/{TOKEN}/"
    server.should_exit = True
    serving.join(10)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A viewer that serves until the tests are done."""
    store = LocalStore(tmp_path_factory.mktemp("corpus"))
    build_viewed(store, images=90)
    with served(store, "squares") as address:
        yield address


@pytest.fixture
def page(address: str) -> Iterator["Page"]:
    """An empty page. A test fails if a page of it logged an error, asked for something elsewhere or ran the corpus."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme="light")
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda asked: None if asked.url.startswith(address) else problems.append(asked.url))
        page.goto(address)
        yield page
        assert page.evaluate("window.pwned") is None
        assert problems == []
        browser.close()


def keep(page: "Page", name: str) -> None:
    folder = os.environ.get("FLD_SCREENSHOTS")
    if folder:
        page.wait_for_load_state("networkidle")
        page.screenshot(path=Path(folder) / f"{name}.jpg", type="jpeg", quality=86)


def shown(page: "Page", selector: str) -> int:
    return sum(each.is_visible() for each in page.query_selector_all(selector))


def test_facets_search_and_order_narrow_the_grid(page: "Page") -> None:
    assert page.locator(".card").count() == 60
    keep(page, "grid")
    page.get_by_role("link", name="dropped 2").click()
    page.wait_for_url(lambda url: "status=dropped" in url)
    assert page.locator(".card").count() == 2
    page.get_by_role("link", name="clear all").click()
    page.wait_for_url(lambda url: "status" not in url)
    page.get_by_role("searchbox").fill("set/08")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "q=set" in url)
    assert page.locator(".card").count() == 10
    page.get_by_label("Order").select_option("score")
    page.wait_for_url(lambda url: "sort=score" in url)
    assert page.locator(".card .facts .low").first.inner_text() == "0.35"
    page.locator("#histogram-score a").nth(9).click()
    page.wait_for_url(lambda url: "score=0.45-0.5" in url)


def test_the_keyboard_walks_through_images_and_pages(page: "Page") -> None:
    page.keyboard.press("n")
    page.wait_for_url(lambda url: "page=1" in url)
    page.keyboard.press("p")
    page.wait_for_url(lambda url: "page=1" not in url)
    for _ in range(3):
        page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/image" in url)
    assert page.locator("h1").inner_text() == "set/002"
    page.keyboard.press("j")
    page.wait_for_url(lambda url: "at=2" in url)
    assert page.locator("h1").inner_text() == "set/004"
    page.keyboard.press("Escape")
    page.wait_for_url(lambda url: "/image" not in url)


def test_a_phrase_lights_its_box_and_its_region_and_back(page: "Page") -> None:
    page.goto(f"{page.url}image?round=0&key=set/002")
    page.hover("mark")
    assert page.locator(".shape.on").evaluate_all("all => all.map(each => each.dataset.id)") == ["r0", "g0.0"]
    assert "on" in (page.locator("tr[data-shape=r0]").get_attribute("class") or "")
    page.mouse.move(0, 0)
    assert page.locator(".shape.on").count() == 0
    page.hover("tr[data-shape=r0]")
    assert "on" in (page.locator("mark").first.get_attribute("class") or "")


def test_layers_are_switched_by_kind_and_by_annotator(page: "Page") -> None:
    page.goto(f"{page.url}image?round=0&key=set/002")
    assert [shown(page, f".shape.{layer}") for layer in ("object", "phrase", "dropped")] == [2, 0, 0]
    page.keyboard.press("g")
    page.keyboard.press("d")
    assert [shown(page, f".shape.{layer}") for layer in ("object", "phrase", "dropped")] == [2, 1, 2]
    page.get_by_role("button", name="yolo").click()
    assert [shown(page, f".shape.{layer}") for layer in ("object", "phrase", "dropped")] == [1, 1, 0]
    page.keyboard.press("o")
    assert shown(page, ".shape.object") == 0
    page.get_by_role("button", name="yolo").click()
    page.keyboard.press("d")
    page.locator("button[data-draw='region.score']").click()
    assert shown(page, ".shape.dropped") == 2


@pytest.mark.parametrize("path", ["?round=1&q=set", "image?round=1&key=set/002", "suspects?round=1"])
def test_a_narrow_window_shows_all_of_a_page_without_scrolling_aside(page: "Page", path: str) -> None:
    page.set_viewport_size({"width": 400, "height": 800})
    page.goto(f"{page.url}{path}")
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    for each in page.locator(".top > *").all():
        place = each.bounding_box()
        if place is not None and each.inner_text().strip():
            assert 0 <= place["x"] < place["x"] + place["width"] <= 400


def test_labels_have_the_same_letters_in_a_large_window_and_stay_at_their_boxes(page: "Page") -> None:
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.goto(f"{page.url}image?round=0&key=set/002")
    page.locator(".label[transform]").first.wait_for()
    heights = page.locator(".label rect").evaluate_all("all => all.map(each => each.getBoundingClientRect().height)")
    assert heights == pytest.approx([13 * 1.35] * 2, rel=0.02)
    label = page.locator('.label[data-for="r0"] rect').bounding_box()
    shape = page.locator('.shape[data-id="r0"] .outline').bounding_box()
    assert label is not None
    assert shape is not None
    assert label["y"] + label["height"] == pytest.approx(shape["y"], abs=3)
    assert label["x"] == pytest.approx(shape["x"], abs=3)


def test_a_table_has_a_column_of_texts_only_where_one_says_more_than_the_label(page: "Page") -> None:
    page.goto(f"{page.url}image?round=0&key=set/002")
    assert page.locator(".regions thead").inner_text().split()[:2] == ["Label", "Score"]


def test_a_slider_shows_what_would_change_here_and_in_the_corpus(page: "Page") -> None:
    page.goto(f"{page.url}image?round=0&key=set/002")
    slider = page.locator(".slider[data-rule='region.score']")
    slider.locator("input").fill("0.2")
    assert slider.locator(".here").inner_text() == "here: 1 would pass, 0 would go"
    assert shown(page, ".shape.dropped") == 1
    slider.locator(".corpus .come").wait_for()
    assert "90 would pass" in slider.locator(".corpus").inner_text()
    assert "--set filters.region.annotators.yolo.min_score=0.2 --dry-run" in slider.locator(".command").inner_text()
    keep(page, "slider")
    slider.locator("input").fill("0.95")
    assert slider.locator(".here").inner_text() == "here: 0 would pass, 1 would go"
    assert page.locator(".shape.go").get_attribute("data-id") == "r1"


def test_a_slider_of_lone_boxes_takes_those_that_one_detector_saw(page: "Page") -> None:
    page.goto(f"{page.url}image?round=0&key=set/002")
    slider = page.locator(".slider[data-rule='fuse.lone_box_score']")
    slider.locator("input").fill("0.95")
    assert slider.locator(".here").inner_text() == "here: 0 would pass, 1 would go"
    assert page.locator(".shape.go").get_attribute("data-id") == "r1"
    slider.locator(".corpus .go").wait_for()
    assert "at most 90 would go" in slider.locator(".corpus").inner_text()
    assert "--set fuse.consensus.lone_box_score=0.95 --dry-run" in slider.locator(".command").inner_text()


def test_two_rounds_are_compared(page: "Page") -> None:
    page.goto(f"{page.url}image?round=1&key=set/002")
    page.keyboard.press("c")
    page.locator(".diff .renamed").first.wait_for()
    assert "cube" in page.locator(".diff ins").first.inner_text()
    assert shown(page, ".diffed polygon") == 2
    page.keyboard.press("c")
    assert not page.locator("#diff").is_visible()


def test_hostile_strings_are_shown_as_they_are(page: "Page") -> None:
    start = page.url
    page.get_by_role("searchbox").fill(EVIL)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "q=" in url)
    page.locator(".card").click()
    page.wait_for_url(lambda url: "/image" in url)
    assert page.locator("h1").inner_text() == EVIL
    assert EVIL in page.locator(".text .words").nth(1).inner_text()
    page.goto(start)


@pytest.mark.skipif("FLD_DEMO" not in os.environ, reason="FLD_DEMO=demo/corpus FLD_SCREENSHOTS=docs/images makes them")
def test_pictures_for_the_docs() -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, served(LocalStore(os.environ["FLD_DEMO"]), "demo/corpus") as address:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1360, "height": 850}, color_scheme="light")
        page.goto(address)
        keep(page, "view-grid")
        page.locator(".card").nth(6).click()
        page.locator("mark").first.wait_for()
        page.locator(".slider input").first.fill("0.1")
        page.locator(".slider .come").first.wait_for()
        page.evaluate("document.querySelector('.stage .facts').remove()")  # it names a folder of this machine
        page.hover(".regions tr[data-shape=r0]")
        page.evaluate("window.scrollTo(0, 0)")
        keep(page, "view-image")
        browser.close()


@pytest.mark.skipif("FLD_NOISY" not in os.environ, reason="FLD_NOISY=corpus of `fld scenes --noisy` makes the picture")
def test_pictures_of_suspects_for_the_docs() -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, served(LocalStore(os.environ["FLD_NOISY"]), "noisy") as address:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1360, "height": 850}, color_scheme="light")
        page.goto(f"{address}suspects?order=doubts")
        page.locator(".card").first.wait_for()
        keep(page, "view-suspects")
        browser.close()
