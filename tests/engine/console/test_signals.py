"""A command that a cluster or a closed terminal ends: it unwinds as after Ctrl-C, and says so with its exit code."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.console.signals import EndedBySignal, ended_by_signals, kept_handlers
from tests.engine.commands import fld
from tests.engine.projects import build


@pytest.mark.parametrize(
    ("how", "code", "said"),
    [
        (signal.SIGTERM, 143, "Stopped by SIGTERM. What was finished is kept"),
        (signal.SIGHUP, 129, "Stopped by SIGHUP. What was finished is kept"),
        (signal.SIGINT, 130, "Stopped. What was finished is kept"),
    ],
)
def test_a_signal_ends_a_command_and_releases_the_corpus(
    tmp_path: Path, how: signal.Signals, code: int, said: str
) -> None:
    corpus = build(tmp_path)
    # a shell without job control starts background jobs, and so these tests, with SIGINT ignored; nohup, SIGHUP
    heard = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)"
    )
    waits = "annotators.boxes.specialist.factory=tests.engine.projects:SlowDetector"
    command = [sys.executable, "-c", f"{heard}; from engine.cli import main; main()", "annotate", str(corpus)]
    with subprocess.Popen(
        [*command, "--set", waits, "--set", "engine.backend=local"],
        cwd=Path(__file__).parents[3],
        env=os.environ | {"FLD_STARTED": str(tmp_path / "started")},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        deadline = time.monotonic() + 120
        while not (tmp_path / "started").exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(how)
        errors = process.communicate(timeout=60)[1]
    assert process.returncode == code, errors
    assert said in errors
    assert "Traceback" not in errors
    assert not (corpus / ".lock.json").exists()
    assert fld("status", str(corpus)).code == 0


def test_the_handler_of_a_library_ends_as_ours_does() -> None:
    """While Ray starts, SIGTERM is Ray's: it exits with the number of the signal, which is no exit code of ours."""
    with ended_by_signals(), pytest.raises(EndedBySignal) as ended:  # noqa: PT012, SIM117
        with kept_handlers():
            signal.signal(signal.SIGTERM, lambda number, _: sys.exit(number))
            os.kill(os.getpid(), signal.SIGTERM)
    assert ended.value.signal is signal.SIGTERM


def test_another_exit_is_left_as_it_is() -> None:
    with pytest.raises(SystemExit) as ended, kept_handlers():
        sys.exit(3)
    assert ended.value.code == 3
