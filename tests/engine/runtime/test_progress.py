import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from engine.console import terminal
from engine.runtime.progress import LOG, ColumnProgress, Logged, Silent, run_left
from engine.runtime.progress_view import Live, Plain, duration, open_reporter, progress_table
from shards.store import FsspecStore, LocalStore


def halfway() -> ColumnProgress:
    """100 images were there before; 200 were done in the 10 s since t=1000; 100 are left."""
    return ColumnProgress("detector", 4, 400, 3, 300, already=100, failed=1, actors=2, ready=True, began=1000.0)


def test_pace_and_rest_count_this_run_only() -> None:
    column = halfway()
    assert column.rate(1010.0) == 20.0
    assert column.left_s(1010.0) == 5.0
    assert ColumnProgress("x", 1, 10).left_s(5.0) is None


def test_the_rate_of_a_finished_column_stands_still() -> None:
    column = halfway()
    column.advance(100, 1005.0)
    column.commit(1015.0)
    assert column.finished
    assert column.began == 1000.0
    assert column.rate(1015.0) == column.rate(9999.0) == 20.0


def test_states_in_their_order() -> None:
    column = ColumnProgress("masks", 2, 20)
    seen = [column.state]
    column.ready = True
    seen.append(column.state)
    column.actors = 1
    seen.append(column.state)
    column.advance(20, 5.0)
    column.commit(6.0)
    seen.append(column.state)
    column.commit(7.0)
    assert [*seen, column.state] == ["waiting", "starting", "running", "running", "done"]
    assert column.ended == 7.0


def test_a_run_ends_with_its_slowest_column_and_takes_longer_while_one_has_no_pace() -> None:
    fast, slow, done = halfway(), halfway(), ColumnProgress("words", 4, 400, 4, 400)
    slow.images_done = 110
    masks = ColumnProgress("masks", 4, 400)
    assert run_left([fast, slow, done], 1010.0) == (290.0, False)
    assert run_left([fast, masks], 1010.0) == (5.0, True)
    assert run_left([done, masks], 1010.0) == (None, True)
    assert run_left([done], 1010.0) == (0.0, False)


def test_the_table_shows_everything_asked_for() -> None:
    console = Console(file=io.StringIO(), width=100)
    words = ColumnProgress("words", 4, 400, 4, 400, already=400)
    masks = ColumnProgress("masks", 4, 400)
    console.print(progress_table([halfway(), words], 1010.0))
    console.print(progress_table([masks], 1010.0))
    assert isinstance(console.file, io.StringIO)
    lines = [line.split() for line in console.file.getvalue().splitlines()]
    assert lines == [
        ["annotator", "shards", "images", "failed", "images/s", "actors", "left"],
        ["detector", "3/4", "300/400", "1", "20.0", "2", "0:00:05"],
        ["words", "4/4", "400/400", "0", "done"],
        ["whole", "run", "7/8", "700/800", "1", "0:00:05"],
        ["annotator", "shards", "images", "failed", "images/s", "actors", "left"],
        ["masks", "0/4", "0/400", "0", "waiting"],
    ]


def test_without_a_terminal_there_are_lines_and_not_too_many() -> None:
    stream, now = io.StringIO(), 1000.0
    reporter = Plain(stream, clock=lambda: now)
    column, masks = ColumnProgress("detector", 4, 400, ready=True), ColumnProgress("masks", 4, 400)
    reporter.begin([column, masks])
    column.actors = 1
    for done in range(120):
        now += 0.125
        column.advance(1, 1000.0)
        column.shards_done = done // 100
        reporter.update([column, masks])
    reporter.log("quarantined", {"column": "detector", "key": "dog", "error": "error: E: x"})
    column.shards_done, column.images_done, column.ended = 4, 400, 1040.0
    reporter.end([column])
    assert stream.getvalue().splitlines() == [
        "detector: 0/4 shards, 0/400 images, 0 failed, 0 actors, starting",
        "masks: 0/4 shards, 0/400 images, 0 failed, 0 actors, waiting",
        "detector: 0/4 shards, 80/400 images, 0 failed, 8.0 images/s, 1 actors, 0:00:40 left",
        "masks: 0/4 shards, 0/400 images, 0 failed, 0 actors, waiting",
        "whole run: 0/8 shards of columns, 0:00:10 so far, more than 0:00:40 left",
        "detector: dog quarantined: error: E: x",
        "detector: 4/4 shards, 400/400 images, 0 failed, 10.0 images/s, 1 actors, done",
    ]


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
