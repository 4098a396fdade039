"""Ingest of URLs from a server on this machine: what each image costs, and what a second process brings.

    python -m tests.benchmarks.bench_ingest [URL LIST]

Without a list 1,000 JPEGs of 85 kB are served by Python's own server, in a process of its own. docs/benchmarks.md says
how the comparison with img2dataset was made, which needs nginx and an environment of its own.
"""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from shards.store import LocalStore
from stages.ingest.ingest import ingest
from stages.ingest.settings import IngestSettings
from tests.stages.ingest.broken import encoded, picture

IMAGES = 1000
SERVER = "import sys; from http.server import *; ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), type('Quiet', (SimpleHTTPRequestHandler,), {'log_message': lambda *_: None})).serve_forever()"  # noqa: E501
PORT = 18_765


def main() -> None:
    with TemporaryDirectory() as folder:
        if len(sys.argv) > 1:
            _measure(sys.argv[1], Path(folder))
            return
        with _served(Path(folder) / "www") as urls:
            (Path(folder) / "urls.txt").write_text("\n".join(urls))
            _measure(f"{folder}/urls.txt", Path(folder))


def _measure(urls: str, folder: Path) -> None:
    print("| processes | parent, ms of CPU per image | workers | images/s (wall) | to one |")
    print("|---|---|---|---|---|")
    first = 0.0
    for processes in (1, 2):
        wanted = {"workers": 16, "processes": processes, "fetch": {"allow_private": True}}
        own, children, started = _cpu_s(resource.RUSAGE_SELF), _cpu_s(resource.RUSAGE_CHILDREN), time.perf_counter()
        report = ingest(LocalStore(folder / f"corpus{processes}"), [urls], IngestSettings.model_validate(wanted))
        wall_s = time.perf_counter() - started
        first = first or wall_s
        costs = [
            1000 * (_cpu_s(who) - before) / report.kept
            for who, before in ((resource.RUSAGE_SELF, own), (resource.RUSAGE_CHILDREN, children))
        ]
        print(f"| {processes} | {costs[0]:.2f} | {costs[1]:.2f} | {report.kept / wall_s:.0f} | {first / wall_s:.2f}x |")


def _cpu_s(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


@contextmanager
def _served(folder: Path) -> Iterator[list[str]]:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(IMAGES):
        image = picture(number, 640, 480)
        noisy = np.clip(np.asarray(image, np.int16) + rng.integers(-8, 9, (480, 640, 1)), 0, 255).astype(np.uint8)
        (folder / f"{number:04d}.jpg").write_bytes(encoded(Image.fromarray(noisy), "JPEG", quality=84))
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(PORT)], cwd=folder, env=dict(os.environ))
    try:
        time.sleep(1.0)
        yield [f"http://127.0.0.1:{PORT}/{number:04d}.jpg" for number in range(IMAGES)]
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    main()
