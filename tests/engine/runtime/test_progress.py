import io
import json
import time
from pathlib import Path

import pytest
from rich.console import Console

from engine.console import terminal
from engine.runtime.progress import LOG, ColumnProgress, Live, Logged, Plain, Silent, duration, open_reporter, table
from shards.store import FsspecStore, LocalStore


def halfway() -> ColumnProgress:
    """100 images were there before; 200 were done in the 10 s since t=1000; 100 are left."""
    return ColumnProgress("detector", 4, 400, 3, 300, already=100, failed=1, actors=2, began=1000.0)


def test_pace_and_rest_count_this_run_only() -> None:
    column = halfway()
    assert column.rate(1010.0) == 20.0
    assert column.left_s(1010.0) == 5.0
    assert ColumnProgress("x", 1, 10).left_s(5.0) is None


def test_the_table_shows_everything_asked_for() -> None:
    console = Console(file=io.StringIO(), width=100)
    console.print(table([halfway(), ColumnProgress("words", 4, 400, 4, 400, already=400)], 1010.0))
    assert isinstance(console.file, io.StringIO)
    header, detector, words = (line.split() for line in console.file.getvalue().splitlines())
    assert header == ["annotator", "shards", "images", "failed", "images/s", "actors", "left"]
    assert detector == ["detector", "3/4", "300/400", "1", "20.0", "2", "0:00:05"]
    assert words == ["words", "4/4", "400/400", "0", "done"]


def test_without_a_terminal_there_are_lines_and_not_too_many() -> None:
    stream = io.StringIO()
    reporter = Plain(stream)
    column = ColumnProgress("detector", 4, 400, began=time.monotonic())
    reporter.begin([column])
    for done in range(200):
        column.images_done = done
        reporter.update([column])
    reporter.log("quarantined", {"column": "detector", "key": "dog", "error": "error: E: x"})
    column.shards_done, column.images_done = 4, 400
    reporter.end([column])
    first, quarantined, last = stream.getvalue().splitlines()
    assert first == "detector: 0/4 shards, 0/400 images, 0 failed, 0.0 images/s, 0 actors, waiting"
    assert quarantined == "detector: dog quarantined: error: E: x"
    assert last.startswith("detector: 4/4 shards, 400/400 images, 0 failed, ")
    assert last.endswith(" 0 actors, done")


def test_the_live_view_prints_names_with_brackets_as_they_are() -> None:
    stream = io.StringIO()
    live = Live(terminal.console(stream))
    live.begin([halfway()])
    live.log("quarantined", {"column": "a", "key": "[/photo]", "error": "error: [x]"})
    live.end([halfway()])
    assert "[/photo] quarantined: error: [x]" in stream.getvalue()


def test_the_log_survives_in_the_corpus(tmp_path: Path) -> None:
    for _ in range(2):
        reporter = Logged(Silent(), LocalStore(tmp_path))
        reporter.begin([halfway()])
        reporter.log("committed", {"column": "detector", "shard": "000000"})
        reporter.end([halfway()])
    lines = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert [line["event"] for line in lines] == ["begin", "committed", "end"] * 2
    assert lines[1]["shard"] == "000000"
    assert lines[2]["columns"]["detector"]["images_done"] == 300


def test_the_log_of_a_remote_corpus_is_uploaded_at_the_end() -> None:
    store = FsspecStore("memory://progress-log")
    reporter = Logged(Silent(), store)
    reporter.begin([])
    assert store.names("logs") == []
    reporter.end([])
    [name] = store.names("logs")
    assert [json.loads(line)["event"] for line in store.read(f"logs/{name}").splitlines()] == ["begin", "end"]


def test_no_terminal_no_live_view(tmp_path: Path) -> None:
    stream = io.StringIO()
    open_reporter(LocalStore(tmp_path), stream).end([halfway()])
    assert stream.getvalue().startswith("detector: 3/4 shards")


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00:00"), (3725, "1:02:05")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
