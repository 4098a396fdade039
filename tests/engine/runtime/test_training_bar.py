"""A training in a pipe, with a clock that stands until it is moved."""

import time
from pathlib import Path

from engine.runtime.training_bar import followed, training_lines


def test_without_a_terminal_a_training_is_a_line_now_and_then() -> None:
    lines: list[str] = []
    now = 0.0
    show = training_lines("train round 0", 300, lines.append, lambda: now)
    for step in range(10, 301, 10):
        now = step / 10
        show({"step": step, "loss": 2.0 - step / 300, "images_per_s": 16.0})
    assert lines == [
        "train round 0: 0/300 steps",
        "train round 0: 100/300 steps, 0:00:20 left, loss 1.667, 16.0 images/s",
        "train round 0: 200/300 steps, 0:00:10 left, loss 1.333, 16.0 images/s",
        "train round 0: 300/300 steps, loss 1.000, 16.0 images/s",
    ]


def test_a_training_that_goes_on_counts_its_own_pace() -> None:
    lines: list[str] = []
    now = 0.0
    show = training_lines("train round 1", 100, lines.append, lambda: now)
    for step in (60, 80):
        now += 11.0
        show({"step": step, "held_out": {"<OD>": 1.5}})
    assert lines[1:] == [
        "train round 1: 60/100 steps, held-out od 1.50",
        "train round 1: 80/100 steps, 0:00:11 left, held-out od 1.50",
    ]


def test_what_workers_write_is_heard_of_once_and_what_was_there_before_is_not(tmp_path: Path) -> None:
    metrics, heard = tmp_path / "metrics.jsonl", list[int]()
    metrics.write_text('{"step": 10}\n{"step": 20}\n')

    def write_until(step: int, *contents: str) -> None:
        deadline = time.monotonic() + 60
        while step not in heard:
            assert time.monotonic() < deadline
            for content in contents:
                whole = tmp_path / "metrics.part"
                whole.write_text(content)
                whole.replace(metrics)
                time.sleep(0.05)

    ten, twenty = '{"step": 10}\n', '{"step": 20}\n'
    with followed(metrics, lambda event: heard.append(event["step"]), every_s=0.01):
        write_until(30, ten + twenty + '{"step": 30}\n{"step"')  # the last line is not whole yet
        write_until(20, ten, ten + twenty)  # a worker goes on from step 10
    assert heard == [30, 20]


def test_a_file_that_is_not_there_yet_says_nothing(tmp_path: Path) -> None:
    heard = list[int]()
    with followed(tmp_path / "metrics.jsonl", lambda event: heard.append(event["step"]), every_s=0.01):
        (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n')
    assert heard == [1]
