import json
import re
import shutil
from pathlib import Path

import msgspec
import pytest

from engine.api.report import quality
from engine.api.watch import report_path
from engine.config.config import Config, load_config
from engine.config.config_text import ConfigError, to_yaml
from engine.config.differences import ABSENT, differing_settings, nearest
from engine.verbs.report import report
from engine.verbs.stats import stats
from shards.seal import write_sealed
from shards.store import LocalStore
from stages.watch.judge import WatchReport
from stages.watch.statistics import DriftStatistics
from tests.engine.view.corpora import EVIL, build_viewed

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("corpora") / "squares"
    store = LocalStore(folder)
    build_viewed(store, images=12)
    store.write("corpus.yaml", [to_yaml(load_config("embedded", {"filters.region.min_score": 0.45})).encode()])
    return str(folder)


def test_the_page_has_everything_inside_and_nothing_runs(corpus: str, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    report(corpus, None, 0, str(path))
    page = path.read_text()
    assert "Content-Security-Policy\" content=\"default-src 'none'" in page
    assert EVIL not in page
    assert "&#34;&gt;&lt;script&gt;" in page  # the same, as text
    assert not re.search(r"<script|<link|https?://|url\(", page)
    assert set(re.findall(r'src="([^,]*),', page)) == {"data:image/jpeg;base64"}
    for said in ("<b>12</b>images", "Beside FLD-5B", "1,007M", "region.score", "Since round 0"):
        assert said in page, said
    assert re.search(r"filters\.region\.min_score</code></td><td>0\.45</td>", page)
    assert "1 renamed" in page


def test_what_a_paid_annotator_has_cost_is_a_row_with_its_budget_and_price(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "paid")
    build_viewed(store, images=12)
    paid = {"backend": "openai", "model": "m", "max_requests": 100, "prompt_price": 2.5, "answer_price": 10.0}
    writer = {"role": "describer", "granularities": ["detailed"], "specialist": paid}
    store.write("corpus.yaml", [to_yaml(load_config("embedded", {"annotators.writer": writer})).encode()])
    spent = {"requests": 16, "prompt_tokens": 13_584, "completion_tokens": 200}
    store.write("costs/writer.json", [json.dumps(spent).encode()])
    path = tmp_path / "report.html"
    report(store.url, None, None, str(path))
    row = path.read_text().split("<h2>Cost</h2>")[1].partition("</tbody>")[0].partition("<tbody>")[2]
    text = " ".join(re.sub(r"<[^>]*>", " ", row).split())
    assert text == "writer 16 of 100 13,784 200 0.0360 2.25"


def test_a_sign_that_a_round_lacks_leaves_a_gap_in_its_row(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "watched")
    build_viewed(store, images=12)
    statistics = DriftStatistics(10, 4.0, 20, 100, 3.0, 8.0, 1.5, 0.0, 0.0, 0.0)
    for number, signs in enumerate([{"boxes_change": 0.25}, {"boxes_change": 0.5, "self_agreement": 1.0}]):
        seen = WatchReport(number, signs, [], [], statistics)
        write_sealed(store, report_path(number), msgspec.json.encode(seen))
    store.write("corpus.yaml", [to_yaml(load_config("embedded")).encode()])
    path = tmp_path / "report.html"
    report(store.url, None, None, str(path))
    table = path.read_text().split("Signs of a loop")[1].partition("</table>")[0]
    rows = [
        [" ".join(re.sub(r"<[^>]*>", " ", cell).split()) for cell in re.split(r"</t[hd]>", row)[:-1]]
        for row in table.split("<tr>")[1:]
    ]
    assert [row[:3] for row in rows] == [
        ["Sign", "Round 0", "Round 1"], ["self agreement", "", "1.00"], ["boxes change", "0.25", "0.50"],
    ]  # fmt: skip


def test_measures_against_gold_come_in_the_order_of_their_change(corpus: str, tmp_path: Path) -> None:
    def stage(recall: float) -> dict[str, dict[str, float]]:
        steady = {"value": 0.5, "low": 0.4, "high": 0.6, "count": 3}
        return {"boxes/precision": steady, "boxes/recall": steady | {"value": recall}}

    rounds = {str(number): {"stages": {"raw": stage(0.9), "kept": stage(0.2 + 0.3 * number)}} for number in (0, 1)}
    measures = tmp_path / "eval.json"
    measures.write_text(json.dumps({"images": 3, "rounds": rounds}))
    found = quality(str(measures))
    assert [each.name for each in found] == ["boxes/recall", "boxes/precision"]
    assert [(name, each.value) for name, each in found[0].columns] == [
        ("before filters", 0.9),
        ("round 0", 0.2),
        ("round 1", 0.5),
    ]
    path = tmp_path / "report.html"
    report(corpus, None, None, str(path), str(measures))
    assert "Quality against gold" in path.read_text()
    measures.write_text("{}")
    with pytest.raises(ConfigError, match=r"measures .*eval.json: wanted what `fld eval --json"):
        quality(str(measures))


def test_a_round_that_is_not_there_is_refused(corpus: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no round 7: it has \[0, 1\]"):
        report(corpus, 7, None, str(tmp_path / "report.html"))
    with pytest.raises(ConfigError, match=r"has no round: it has none; `fld run`"):
        stats(str(tmp_path), None, json=True)


def test_stats_are_there_for_machines_and_beside_the_paper_for_people(
    corpus: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stats(corpus, 0, json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["images"] == 12
    assert found["elements"]["brief"]["tokens"] == 7
    assert found["agreement"]["votes"] == {"1": 12, "3": 12}
    assert found["drops"][0]["rule"] == "region.score"
    stats(corpus, 0, json=False)
    assert re.search(r"text\s+brief\s+12\s+7\.00 \(7\.95\)", capsys.readouterr().out)


def test_settings_are_compared_with_the_nearest_profile() -> None:
    changed = load_config("open", {"filters.region.min_score": 0.45})
    found = nearest(changed)
    assert found.profile == "open"
    (only,) = found.settings
    assert (only.name, only.here) == ("filters.region.min_score", "0.45")
    names = {each.name: each for each in differing_settings(load_config("embedded"), changed)}
    assert any(each.there == ABSENT for each in names.values())
    own = Config(annotators={"mine": load_config("embedded").annotators["objects"]})
    absent = [name for name, here, _ in nearest(own).settings if name.startswith("annotators.") and here == ABSENT]
    assert absent, "of what this corpus does not have at all, one line each"
    assert {name.rpartition(".")[2] for name in absent} == {"role"}


@pytest.mark.skipif(BROWSER is None, reason="no chromium here: the report is not tried in a browser")
def test_a_browser_shows_all_of_it_asks_for_nothing_and_prints_it(corpus: str, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    path, asked, problems = tmp_path / "report.html", list[str](), list[str]()
    report(corpus, None, 0, str(path))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1180, "height": 900})
        page.on("request", lambda each: asked.append(each.url))
        page.on("console", lambda message: problems.append(message.text))
        page.goto(path.as_uri())
        assert page.evaluate("window.pwned") is None
        assert page.evaluate("[...document.images].every(each => each.naturalWidth > 0)")
        assert page.evaluate("document.body.scrollWidth <= innerWidth")
        assert page.pdf(prefer_css_page_size=True)[:5] == b"%PDF-"
        browser.close()
    assert problems == []
    assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
