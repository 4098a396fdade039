import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from engine.api.view import listen, open_viewer, prepare, roles
from engine.config.config_text import ConfigError
from engine.verbs.view import addresses
from shards.overview import find_overview, withdraw_overview
from shards.store import LocalStore, StoreError
from tests.engine.view.corpora import build_viewed
from tests.shards.corpora import build_corpus


def test_it_listens_on_this_machine_alone_and_says_how_to_get_there() -> None:
    with listen(0) as listener:
        host, port = listener.getsockname()
        assert host == "127.0.0.1"
        lines = addresses(f"http://localhost:{port}/token/?round=1", port)
        assert lines[0] == f"Open  http://localhost:{port}/token/?round=1"
        assert f"ssh -N -L {port}:127.0.0.1:{port} " in lines[1]
        with pytest.raises(ConfigError, match=f"port {port} cannot be used: .*port 0 takes a free one"):
            listen(port)


def test_a_corpus_without_that_round_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nothing: there is no such folder"):
        open_viewer(tmp_path / "nothing")
    with pytest.raises(ConfigError, match="has no round yet: `fld run IMAGES"):
        open_viewer(tmp_path)
    build_corpus(LocalStore(tmp_path))
    with pytest.raises(ConfigError, match=r"has no round 3: it has \[0\]"):
        open_viewer(tmp_path, round=3)


def test_an_overview_is_made_once_and_not_at_all_in_a_corpus_in_use(
    tmp_path: Path,
) -> None:
    from engine.runtime.lock import corpus_lock

    store = LocalStore(tmp_path)
    build_viewed(store)
    withdraw_overview(store, 0)
    with corpus_lock(store, "fld loop"):
        prepare(store, 0)
    assert find_overview(store, 0) is None
    lines: list[object] = []
    prepare(store, 0, lines.append)
    assert find_overview(store, 0) is not None
    assert lines[0] == "Round 0 has no overview yet: it is made once."
    lines.clear()
    prepare(store, 0, lines.append)
    assert lines == []


def test_settings_that_cannot_be_read_cost_only_the_roles(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    assert roles(store) == {}
    for content in (b"[1, 2", b"annotators: 7", b"- x", b"annotators: {yolo: {}}"):
        store.write("corpus.yaml", [content])
        assert roles(store) == {}
    store.write("corpus.yaml", [b"annotators: {ocr: {role: reader}}"])
    assert roles(store) == {"ocr": "reader"}


def test_an_interrupt_is_its_good_end(tmp_path: Path) -> None:
    build_viewed(LocalStore(tmp_path), images=2)
    command = [sys.executable, "-m", "engine.cli", "view", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as viewer:
        assert viewer.stdout is not None
        address = viewer.stdout.readline().split()[1]
        assert urllib.request.urlopen(address.replace("localhost", "127.0.0.1"), timeout=60).status == 200
        viewer.send_signal(signal.SIGINT)
        _, errors = viewer.communicate(timeout=60)
    assert (viewer.returncode, errors) == (0, "")
