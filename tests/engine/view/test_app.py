"""The viewer over HTTP, without a browser."""

import html
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from engine.view.app import build_app
from shards.reviews import read_reviews
from shards.store import LocalStore
from tests.engine.view.corpora import CAPTION, EVIL, build_viewed

TOKEN = "s3cret"
EVIL_KEY = quote(EVIL)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    store = LocalStore(tmp_path_factory.mktemp("corpus"))
    build_viewed(store)
    return store


@pytest.fixture(scope="module")
def client(store: LocalStore) -> TestClient:
    app = build_app(store, store.url, TOKEN, {"yolo": "detector"})
    return TestClient(app, base_url=f"http://localhost:8123/{TOKEN}/", raise_server_exceptions=True)


class Tags(HTMLParser):
    """Sources of scripts and attributes that would run something."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: set[str | None] = set()
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script":
            self.scripts.add(dict(attrs).get("src"))
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name == "style"]


def page(client: TestClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_the_grid_shows_every_image_of_the_last_round(client: TestClient) -> None:
    found = page(client, "./")
    assert "<strong>16</strong> images" in found
    assert found.count('class="card"') == 16
    assert found.count("<polygon") == 24
    assert '<option value="corpus" selected>' in found
    assert "truncated" in found


def test_links_of_the_grid_lead_to_pages_that_are_there(client: TestClient) -> None:
    found = page(client, "./?label=cube&q=red")
    links = {html.unescape(link) for link in re.findall(r'href="([^"]+)"', found)}
    assert len(links) > 30
    for link in links:
        page(client, f"./{link}")
    for source in re.findall(r'src="(thumbnail[^"]+)"', found):
        assert client.get(html.unescape(source)).headers["content-type"] == "image/jpeg"


def test_one_image_shows_texts_votes_drops_and_sliders(client: TestClient) -> None:
    found = page(client, "image?round=0&key=set/002&at=1")
    assert 'data-phrases="g0"' in found
    assert ">a red square</mark>" in found
    assert "yolo 0.97 → 0.92" in found
    assert 'data-id="yolo/7"' in found
    assert "dropped by region.score: 0.25, threshold 0.3" in found
    assert 'data-rule="region.score" data-source="yolo" data-threshold="0.3"' in found
    assert found.count('class="slider"') == 2
    assert 'data-rule="fuse.lone_box_score" data-source="all objects" data-threshold="0.0"' in found
    assert "--set fuse.consensus.lone_box_score=" in found
    assert 'id="next"' in found
    assert "filters.region.annotators.yolo.min_score=" in found


def test_an_image_that_was_not_kept_says_why_and_is_shown(client: TestClient) -> None:
    assert "exact_duplicate" in page(client, "image?key=double/0")
    assert client.get("picture?key=double/0").headers["content-type"] == "image/jpeg"
    assert "truncated" in page(client, "image?key=broken/1")
    assert client.get("picture?key=broken/1").status_code == 404


def test_a_diff_names_what_changed(client: TestClient) -> None:
    found = page(client, "diff?round=1&key=set/002")
    assert "1 renamed" in found
    assert "was “square”" in found
    assert "<del>square</del> <ins>cube</ins>" in " ".join(found.split())
    assert "has no record" in page(client, "diff?round=1&key=double/0")


def test_what_another_threshold_would_change_is_counted(client: TestClient) -> None:
    lower = page(client, "effect?round=0&rule=region.score&source=yolo&threshold=0.2")
    assert "12 would pass" in lower
    assert "about" not in lower
    assert "4 would go" in page(client, "effect?round=0&rule=region.score&source=yolo&threshold=0.44")
    lone = "effect?round=0&rule=fuse.lone_box_score&source=all objects"
    assert "at most 4 would go" in page(client, f"{lone}&threshold=0.44")
    assert "at most 12 would go" in page(client, f"{lone}&threshold=1")
    for wrong in ("rule=x&source=yolo&threshold=0.2", "rule=region.score&source=yolo&threshold=nan"):
        assert client.get(f"effect?round=0&{wrong}").status_code == 400


def test_corpora_are_text_never_markup(client: TestClient) -> None:
    for path in ("./", f"./?label={EVIL_KEY}&q={EVIL_KEY}", f"image?round=0&key={EVIL_KEY}",
                 f"diff?round=1&key={EVIL_KEY}", f"./?{EVIL_KEY}=1&sort={EVIL_KEY}"):  # fmt: skip
        found = page(client, path)
        tags = Tags()
        tags.feed(found)
        own = {f"static/{name}.js" for name in ("htmx.min", "grid", "image", "naming", "review", "draw")}
        assert tags.scripts <= own
        assert not tags.handlers, path
        assert "pwned" in found, "it is there, as text"


def test_what_a_page_would_hide_is_written_out(client: TestClient) -> None:
    found = page(client, f"./?q={quote('a' + chr(27) + chr(0x202E) + 'b')}")
    assert "a\\x1b\\u202eb" in found
    assert chr(27) not in found
    assert chr(0x202E) not in found


@pytest.mark.parametrize(
    "path",
    ["static/../app.py", "static/%2e%2e/app.py", "static//etc/passwd", "picture?key=../../corpus.yaml",
     "picture?round=99&key=set/000", "thumbnail?row=99", "thumbnail?row=-1", "image?key=nobody", "nowhere", "image"],
)  # fmt: skip
def test_no_path_leaves_the_corpus(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (400, 404)
    assert "annotators" not in answer.text
    assert "def build_app" not in answer.text


def test_a_page_that_is_not_there_says_why_and_leads_back(client: TestClient) -> None:
    lost = client.get("image?key=<i>nobody", headers={"accept": "text/html,*/*"})
    assert (lost.status_code, lost.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "has no image &#39;&lt;i&gt;nobody&#39;" in lost.text
    assert '<a href="./">' in lost.text
    assert client.get("image?key=nobody").headers["content-type"] == "text/plain; charset=utf-8"


def test_a_file_that_is_lost_is_named(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "lost")
    build_viewed(store)
    (tmp_path / "lost/rounds/00/shards/000000.tar").unlink()
    app = build_app(store, "lost", TOKEN, {"yolo": "detector"})
    answer = TestClient(app, base_url=f"http://localhost:8123/{TOKEN}/").get("image?round=0&key=set/002")
    assert answer.status_code == 404
    assert answer.text == "rounds/00/shards/000000.tar is not there: `fld verify lost` says what else is lost"


def test_a_digit_that_is_no_number_is_no_image(client: TestClient) -> None:
    assert client.get("thumbnail?row=²").status_code == 404
    assert client.get("image?round=0&key=set/002&at=²").status_code == 200


def test_who_has_not_the_token_gets_nothing(store: LocalStore) -> None:
    app = build_app(store, store.url, TOKEN, {})
    for path in ("/", "/wrong/", f"/{TOKEN}x/", f"//{TOKEN}/", "/static/view.css"):
        answer = TestClient(app, base_url="http://127.0.0.1:1").get(path)
        assert answer.status_code == 403
        assert CAPTION not in answer.text


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8123", "127.0.0.1.evil.example", "localhost.evil", "[::1", ""]
)
def test_another_name_for_this_machine_is_refused(client: TestClient, host: str) -> None:
    assert client.get("./", headers={"host": host}).status_code == 403


@pytest.mark.parametrize(
    "headers", [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "http://evil.example"},
                {"origin": "null"}]
)  # fmt: skip
def test_other_pages_cannot_change_anything(client: TestClient, headers: dict[str, str]) -> None:
    assert client.post("./", headers=headers).status_code == 403
    assert client.post("./", headers={"sec-fetch-site": "same-origin"}).status_code == 405, "no page takes changes yet"


def test_every_answer_forbids_what_comes_from_elsewhere(client: TestClient) -> None:
    for path in ("./", "nowhere", "static/view.css", "thumbnail?row=0"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
    assert not re.search(r"https?://", page(client, "image?round=0&key=set/002").replace("http://www.w3.org", ""))


def test_pages_of_a_large_corpus_do_not_wait_for_their_facets(store: LocalStore) -> None:
    app = build_app(store, store.url, TOKEN, {}, few_images=3)
    client = TestClient(app, base_url=f"http://localhost/{TOKEN}/")
    found = page(client, "./")
    links = [html.unescape(link) for link in re.findall(r'hx-get="([^"]+)"', found)]
    assert len(links) == 11
    assert all('class="facet"' in page(client, link) for link in links)


def correct(client: TestClient, line: dict[str, object], origin: str | None = None) -> tuple[int, str]:
    answer = client.post("review", json=line, headers={} if origin is None else {"origin": origin})
    return answer.status_code, answer.text


def test_a_correction_is_taken_in_and_counted(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    build_viewed(store)
    app = build_app(store, "corpus", TOKEN, {})
    client = TestClient(app, base_url=f"http://localhost:8123/{TOKEN}/")
    line: dict[str, object] = {"key": EVIL, "round": 1, "action": "relabel", "target": "r1", "label": "dice"}
    assert correct(client, line) == (200, "relabel: taken. 1 correction waits: fld filter corpus --round 1")
    assert correct(client, line)[1].startswith("relabel: was so already. 1 correction waits")
    [[review]] = read_reviews(store).values()
    assert (review.key, review.text, review.new_text) == (EVIL, "cube", "dice")
    assert "1 correction waits" in page(client, f"image?round=1&key={EVIL_KEY}")
    assert "1 correction waits" in page(client, "./")


def test_a_wrong_correction_says_why_and_one_from_elsewhere_is_refused(client: TestClient, store: LocalStore) -> None:
    assert correct(client, {"key": EVIL, "action": "acept", "target": "r1"})[1].endswith("did you mean 'accept'?")
    assert correct(client, {"key": "nowhere", "action": "accept", "target": "r1"})[0] == 400
    assert client.post("review", content=b"{").status_code == 400
    assert client.post("review", content=b"[1]").status_code == 400
    assert client.post("review", content=b" " * 70_000).status_code == 413
    assert client.post("review", content=iter([b" " * 1000] * 70)).status_code == 413, "its length is not told"
    status, said = correct(client, {"key": EVIL, "action": "accept", "target": "r1"}, "http://evil.example")
    assert (status, said) == (403, "Changes are accepted from pages of the viewer only.")
    assert read_reviews(store) == {}
