"""Corrections by mouse and keyboard in a real Chromium: each becomes the correction that its line would be."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shards.reviews import Review, read_reviews
from shards.store import LocalStore
from stages.review.lines import Made
from stages.review.take_in import take_in
from tests.engine.view.corpora import BLUE, CAPTION, RED, SIZE, build_viewed
from tests.engine.view.test_browser import BROWSER, keep, served

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium here: the viewer is not tried in a browser")
KEY = "set/002"
NEW_CAPTION = CAPTION.replace("square", "cube")
"""Of round 1."""


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    store = LocalStore(tmp_path / "viewed")
    build_viewed(store)
    return store


@pytest.fixture
def page(store: LocalStore) -> Iterator["Page"]:
    """An image page; a test fails if it logged an error."""
    from playwright.sync_api import sync_playwright

    with served(store, "squares") as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{address}image?round=1&key={KEY}")
        yield page
        assert problems == []
        browser.close()


def told(page: "Page", said: str) -> None:
    page.locator("#told", has_text=said).wait_for()


def on_screen(page: "Page", x: float, y: float) -> tuple[float, float]:
    """Where a point of the picture is on the screen."""
    box = page.locator(".stage .overlay").bounding_box()
    assert box is not None
    return box["x"] + x / SIZE[0] * box["width"], box["y"] + y / SIZE[1] * box["height"]


def pull(page: "Page", start: tuple[float, float], end: tuple[float, float]) -> None:
    """Press the mouse at one point of the picture and let go at another."""
    page.mouse.move(*on_screen(page, *start))
    page.mouse.down()
    page.mouse.move(*on_screen(page, *end), steps=4)
    page.mouse.up()


def taken(store: LocalStore) -> list[Review]:
    return [review for reviews in read_reviews(store).values() for review in reviews]


def assert_like_lines(store: LocalStore, folder: Path, lines: Sequence[Mapping[str, object]]) -> None:
    """What the viewer took in is what the lines of a file come to; places are compared to half a pixel."""
    other = LocalStore(folder)
    build_viewed(other)
    wanted = [(f"line {number}", {"key": KEY, **line}) for number, line in enumerate(lines, 1)]
    assert take_in(other, wanted, Made("x", "now", 1)).mistakes == []
    for mine, theirs in zip(taken(store), taken(other), strict=True):
        assert (mine.key, mine.action, mine.on, mine.id, mine.text, mine.new_text, mine.granularity) == (
            theirs.key, theirs.action, theirs.on, theirs.id, theirs.text, theirs.new_text, theirs.granularity
        )  # fmt: skip
        assert (mine.new_box is None) == (theirs.new_box is None)
        assert mine.new_box is None or mine.new_box == pytest.approx(theirs.new_box, abs=0.5)


def test_a_label_is_corrected_by_keys_and_by_a_button(page: "Page", store: LocalStore) -> None:
    row = page.locator('.regions tr[data-shape="r1"]')
    row.focus()
    page.keyboard.press("r")
    page.locator("#naming input[name=name]").fill("dice")
    page.keyboard.press("Enter")
    told(page, "relabel: taken. 1 correction waits")
    page.locator('.regions tr[data-shape="r0"] button[data-action="reject"]').click()
    told(page, "reject: taken. 2 corrections wait")
    page.locator('.regions tr[data-shape="r0"][data-reviewed="reject"]').wait_for()
    assert row.get_attribute("data-reviewed") == "relabel"
    assert row.locator(".rewritten").inner_text() == "dice"
    page.keyboard.press("d")
    page.locator('.shape.dropped[data-id="yolo/7"]').first.dispatch_event("mouseenter")
    page.locator("h1").click()
    page.keyboard.press("a")
    told(page, "accept: taken. 3 corrections wait")
    assert [(each.action, each.on, each.text, each.new_text, each.box) for each in taken(store)] == [
        ("relabel", "region", "cube", "dice", BLUE),
        ("reject", "region", "square", "", RED),
        ("accept", "region", "ghost", "", (70.0, 5.0, 100.0, 30.0)),
    ]


def test_a_new_box_is_drawn_named_and_there_at_once(page: "Page", store: LocalStore, tmp_path: Path) -> None:
    page.keyboard.press("n")
    pull(page, (5, 80), (45, 110))
    page.locator("#naming input[name=name]").fill("mat")
    page.keyboard.press("Enter")
    told(page, "add: taken. 1 correction waits")
    page.locator('.shape.waiting[data-name="mat"]').wait_for()
    page.locator("#new-box").click()
    pull(page, (100, 2), (150, 20))
    page.locator("#naming input[value=text]").check()
    page.locator("#naming input[name=name]").fill("EXIT")
    page.locator("#naming button[value=save]").click()
    told(page, "add: taken. 2 corrections wait")
    keep(page, "drawn")
    page.reload()
    assert page.locator(".shape.waiting").count() == 2
    assert "mat" in page.locator("#corrections").inner_text()
    lines = [
        {"action": "add", "label": "mat", "box": [5, 80, 45, 110]},
        {"action": "add", "text": "EXIT", "box": [100, 2, 150, 20]},
    ]
    assert_like_lines(store, tmp_path / "lines", lines)


def test_drawing_is_given_up_by_escape_and_by_no_name(page: "Page", store: LocalStore) -> None:
    page.keyboard.press("n")
    page.keyboard.press("Escape")
    pull(page, (2, 2), (10, 10))
    page.keyboard.press("n")
    pull(page, (5, 80), (45, 110))
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    pull(page, (5, 80), (6, 81))
    assert page.locator("#naming").is_hidden()
    assert "/image" in page.url
    assert taken(store) == []


def test_a_box_is_moved_and_resized_and_put_back(page: "Page", store: LocalStore, tmp_path: Path) -> None:
    pull(page, (115, 65), (115, 65))
    assert page.locator(".handle").count() == 8
    pull(page, (115, 65), (105, 60))
    pull(page, (130, 85), (150, 100))
    page.keyboard.press("Enter")
    told(page, "move: taken. 1 correction waits")
    page.locator('.shape.waiting[data-name="cube"]').wait_for()
    page.locator('.regions tr[data-shape="r0"]').focus()
    page.keyboard.press("e")
    for key in ("ArrowRight", "ArrowDown", "Shift+ArrowRight"):
        page.keyboard.press(key)
    page.keyboard.press("Escape")
    page.locator('.regions tr[data-shape="r0"]').focus()
    page.keyboard.press("e")
    for key in ("ArrowRight", "ArrowDown", "Shift+ArrowRight"):
        page.keyboard.press(key)
    pull(page, (155, 5), (155, 5))
    told(page, "move: taken. 2 corrections wait")
    lines = [
        {"action": "move", "target": "r1", "box": [80, 35, 150, 100]},
        {"action": "move", "target": "r0", "box": [21, 31, 62, 71]},
    ]
    assert_like_lines(store, tmp_path / "lines", lines)


def test_what_waits_is_moved_and_rejected_like_anything_else(page: "Page", store: LocalStore) -> None:
    page.keyboard.press("n")
    pull(page, (5, 80), (45, 110))
    page.locator("#naming input[name=name]").fill("mat")
    page.keyboard.press("Enter")
    page.locator('.shape.waiting[data-name="mat"]').wait_for()
    pull(page, (20, 95), (20, 95))
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Enter")
    told(page, "move: taken. 2 corrections wait")
    page.mouse.move(*on_screen(page, 20, 95))
    page.keyboard.press("x")
    told(page, "reject: taken. 3 corrections wait")
    page.locator(".shape.waiting").wait_for(state="detached")
    assert [each.action for each in taken(store)] == ["add", "move", "reject"]


def test_a_caption_is_edited_in_place_and_one_is_added(page: "Page", store: LocalStore, tmp_path: Path) -> None:
    page.locator('article[data-text="t0"] button[data-action="edit"]').click()
    page.keyboard.press("Escape")
    assert page.locator("textarea").count() == 0
    page.locator('article[data-text="t0"]').focus()
    page.keyboard.press("e")
    page.locator("textarea").fill("a red die\nbeside a blue one")
    page.keyboard.press("Enter")
    told(page, "text: taken. 1 correction waits")
    page.locator(".rewritten", has_text="a red die\nbeside a blue one").wait_for()
    page.locator("#new-text").click()
    page.locator("select", has_text="brief").select_option("detailed")
    page.locator("textarea").fill("two squares on grey")
    page.keyboard.press("Enter")
    told(page, "add: taken. 2 corrections wait")
    keep(page, "written")
    lines = [
        {"action": "text", "target": "t0", "text": "a red die\nbeside a blue one"},
        {"action": "add", "text": "two squares on grey", "granularity": "detailed"},
    ]
    assert_like_lines(store, tmp_path / "lines", lines)
    assert taken(store)[0].text == NEW_CAPTION


def test_marks_on_the_grid_have_the_colour_of_what_they_say(page: "Page") -> None:
    page.keyboard.press("Escape")
    page.wait_for_url(lambda url: "/image" not in url)
    for number, (key, said) in enumerate([("a", "accept"), ("x", "reject")]):
        page.locator(".card").nth(number).focus()
        page.keyboard.press(key)
        told(page, f"{said}: taken")
    shown = "all => all.map(each => getComputedStyle(each, '::after').backgroundColor)"
    greener, redder = (
        [int(part) for part in re.findall(r"\d+", colour)[:3]]
        for colour in page.locator(".card[data-mark]:not([data-mark=''])").evaluate_all(shown)
    )
    assert greener[1] > greener[0]
    assert redder[0] > redder[1]


def test_the_grid_is_walked_by_arrows_and_judged_by_keys(page: "Page", store: LocalStore, tmp_path: Path) -> None:
    page.keyboard.press("Escape")
    page.wait_for_url(lambda url: "/image" not in url)
    columns = page.locator(".card").evaluate_all(
        "all => all.filter(each => each.offsetTop === all[0].offsetTop).length"
    )
    focused = "all => all.indexOf(document.activeElement)"
    for key, at in (("ArrowRight", 0), ("ArrowDown", columns), ("ArrowLeft", columns - 1), ("ArrowUp", 0)):
        page.keyboard.press(key)
        if key == "ArrowLeft":
            page.keyboard.press("j")
            page.keyboard.press("ArrowUp")
            page.keyboard.press("ArrowDown")
            page.keyboard.press("k")
        assert page.locator(".card").evaluate_all(focused) == at, key
        if key == "ArrowLeft":
            page.keyboard.press("j")
    page.locator(f'.card[data-key="{KEY}"]').focus()
    page.keyboard.press("x")
    told(page, "reject: taken. 1 correction waits")
    page.keyboard.press("a")
    told(page, "accept: taken. 5 corrections wait")
    page.reload()
    assert page.locator(f'.card[data-key="{KEY}"]').get_attribute("data-mark") == "looked at"
    lines = [{"action": "reject", "target": "image"}, {"action": "accept", "target": "all"}]
    assert_like_lines(store, tmp_path / "lines", lines)
    assert [each.id for each in taken(store)] == ["", "", "r0", "r1", "t0"]
