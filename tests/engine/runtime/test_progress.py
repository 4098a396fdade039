import io
import json
import threading
from pathlib import Path

import pytest
from rich.console import Console

from engine.console import terminal
from engine.runtime.progress import LOG, ColumnProgress, Logged, Silent, run_left
from engine.runtime.progress_view import Countdown, Live, Plain, Ticking, duration, open_reporter, progress_table
from shards.store import FsspecStore, LocalStore


def halfway() -> ColumnProgress:
    """100 images were there before; 200 are done by two actors that take 0.1 s each; 100 are left."""
    return ColumnProgress(
        "detector", 4, 400, 3, 300, already=100, failed=1, actors=2, ready=True, each_s=0.1, at_once=2.0
    )


def slow(name: str, each_s: float | None, needs: tuple[str, ...] = (), shards: int = 1) -> ColumnProgress:
    """Nothing is done of 8 images."""
    return ColumnProgress(name, shards, 8, each_s=each_s, needs=needs)


def test_pace_and_rest_are_those_of_its_actors() -> None:
    column = halfway()
    assert column.rate == 20.0
    assert column.left_s == 5.0
    assert ColumnProgress("x", 1, 10).left_s is None


def test_states_in_their_order() -> None:
    column = ColumnProgress("masks", 2, 20)
    seen = [column.state]
    column.ready = True
    seen.append(column.state)
    column.actors = 1
    seen.append(column.state)
    column.shards_done = 1
    seen.append(column.state)
    column.shards_done = 2
    assert [*seen, column.state] == ["waiting", "starting", "running", "running", "done"]


def test_one_call_at_a_time_takes_all_that_is_left_one_after_the_other() -> None:
    done = ColumnProgress("words", 4, 400, 4, 400)
    assert run_left([slow("a", 10.0), slow("b", 5.0), done]) == (120.0, False)


def test_calls_side_by_side_take_less_but_not_less_than_the_slowest_column() -> None:
    columns = [slow("a", 10.0), slow("b", 5.0), slow("c", 5.0)]
    for column in columns:
        column.at_once = 1.6
    assert run_left(columns) == (100.0, False)
    for column in columns:
        column.at_once = 3.0
    assert run_left(columns) == (80.0, False)


def test_columns_that_share_an_actor_follow_each_other_however_many_others_work() -> None:
    columns = [slow("a", 10.0), slow("b", 5.0), slow("c", 5.0)]
    for column in columns:
        column.at_once = 3.0
    columns[0].pool = columns[1].pool = "group nano"
    assert run_left(columns) == (120.0, False)


def test_actors_that_are_still_to_start_are_counted() -> None:
    columns = [slow("a", 10.0), slow("b", 5.0)]
    for column in columns:
        column.at_once, column.share = 4.0, 2.0
    assert run_left(columns) == (40.0, False)


def test_columns_of_one_shard_that_wait_for_each_other_take_their_sum_and_over_many_shards_the_slowest() -> None:
    for shards, seconds in ((1, 160.0), (8, 90.0)):
        columns = [slow("a", 10.0, (), shards), slow("b", 5.0, ("a",), shards), slow("c", 5.0, ("b", "x"), shards)]
        for column in columns:
            column.at_once = 3.0
        assert run_left(columns) == (seconds, False)


def test_a_run_takes_longer_while_one_column_has_no_pace() -> None:
    assert run_left([slow("a", 10.0), slow("b", None)]) == (80.0, True)
    assert run_left([slow("b", None)]) == (None, True)
    assert run_left([]) == (0.0, False)


def test_the_table_shows_everything_asked_for() -> None:
    console = Console(file=io.StringIO(), width=100)
    words = ColumnProgress("words", 4, 400, 4, 400, already=400)
    masks = ColumnProgress("masks", 4, 400)
    console.print(progress_table([halfway(), words], run_left([halfway(), words])))
    console.print(progress_table([masks], run_left([masks])))
    assert isinstance(console.file, io.StringIO)
    lines = [line.split() for line in console.file.getvalue().splitlines()]
    assert lines == [
        ["annotator", "shards", "images", "failed", "pace", "actors", "left"],
        ["detector", "3/4", "300/400", "1", "20.0", "images/s", "2", "0:00:05"],
        ["words", "4/4", "400/400", "0", "done"],
        ["whole", "run", "7/8", "700/800", "1", "0:00:05"],
        ["annotator", "shards", "images", "failed", "pace", "actors", "left"],
        ["masks", "0/4", "0/400", "0", "waiting"],
    ]


def test_without_a_terminal_there_are_lines_and_not_too_many() -> None:
    stream, now = io.StringIO(), 1000.0
    reporter = Plain(stream, clock=lambda: now)
    column, masks = ColumnProgress("detector", 4, 400, ready=True), ColumnProgress("masks", 4, 400)
    reporter.begin([column, masks])
    column.actors, column.each_s = 1, 0.125
    for done in range(240):
        now += 0.125
        column.images_done += done < 80
        reporter.update([column, masks])
    reporter.log("quarantined", {"column": "detector", "key": "dog", "error": "error: E: x"})
    column.shards_done, column.images_done = 4, 400
    reporter.end([column])
    assert stream.getvalue().splitlines() == [
        "detector: 0/4 shards, 0/400 images, 0 failed, 0 actors, starting",
        "masks: 0/4 shards, 0/400 images, 0 failed, 0 actors, waiting",
        "detector: 0/4 shards, 80/400 images, 0 failed, 8.0 images/s, 1 actors, 0:00:40 left",
        "whole run: 0/8 shards of columns, 0:00:10 so far, more than 0:00:40 left",
        "whole run: 0/8 shards of columns, 0:00:20 so far, more than 0:00:30 left",  # a column that stands is not shown
        "whole run: 0/8 shards of columns, 0:00:30 so far, more than 0:00:20 left",
        "detector: dog quarantined: error: E: x",
        "detector: 4/4 shards, 400/400 images, 0 failed, 8.0 images/s, 1 actors, done",
    ]


def test_what_is_left_falls_while_a_call_runs_but_never_to_nothing() -> None:
    countdown, column = Countdown(), slow("a", 10.0)
    assert [countdown.left([column], now).seconds for now in (100.0, 130.0, 179.0, 900.0)] == [80.0, 50.0, 8.0, 8.0]
    column.images_done = 4
    assert countdown.left([column], 900.0) == (40.0, False)
    assert countdown.left([slow("a", None)], 901.0) == (None, True)


def test_how_long_a_run_takes_is_said_once_the_slowest_annotator_first() -> None:
    stream = io.StringIO()
    reporter = Plain(stream)
    fields = {"seconds": 725, "is_least": False, "images": 8, "each_s": {"words": 0.5, "masks": 31.2, "boxes": 2.25}}
    reporter.log("estimate", fields)
    reporter.log("estimate", fields | {"seconds": 12})
    assert stream.getvalue() == (
        "8 images will take about 0:12:05, by the first of them, which also warm up: masks 31 s per image,"
        " boxes 2.2 s per image, words 2.0 images/s\n"
    )


class Counting(Silent):
    """Lets `enough` happen when it was told often enough, and keeps whether two threads told it at once."""

    def __init__(self, enough: int) -> None:
        self.enough, self.clashed = threading.Event(), False
        self._left, self._free = enough, threading.Lock()

    def update(self, columns: list[ColumnProgress]) -> None:
        del columns
        self.clashed |= not self._free.acquire(blocking=False)
        self._left -= 1
        if self._left == 0:
            self.enough.set()
        self._free.release()


def test_a_long_call_does_not_make_the_view_stand_still() -> None:
    inner = Counting(5)
    reporter = Ticking(inner, every_s=0.01)
    reporter.begin([halfway()])
    assert inner.enough.wait(30), "nobody reports, and the view is drawn nevertheless"
    for _ in range(1000):
        reporter.update([halfway()])
    reporter.end([])
    assert not inner.clashed


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
