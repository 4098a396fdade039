"""Processes that write whole shards: what they cannot do comes back, and the corpus is the same whoever wrote it."""

import functools
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import psutil
import pytest
from PIL import Image

from shards.store import LocalStore, open_store
from stages.ingest.frames import Setup, ShardJob, pack
from stages.ingest.ingest import ingest as ingest_in_processes
from stages.ingest.shard_writers import WRITER, PlannedShard, ShardWriters
from tests.stages.ingest.broken import encoded, write_broken
from tests.stages.ingest.corpora import contents, ingest, rows, settings, write_list, write_pictures
from tests.stages.ingest.servers import bad_server

ODD = [
    sys.executable,
    "-c",
    textwrap.dedent(r"""
        import os, sys, time
        from shards.commit import ImageCounts, Manifest
        from stages.ingest.frames import Alive, Ready, ShardWritten, pack, read_frame
        jobs, results = sys.stdin.buffer, sys.stdout.buffer
        read_frame(jobs)

        def send(message):
            results.write(b"".join(pack(message)))
            results.flush()

        send(Ready())
        while frame := read_frame(jobs):
            shard = frame[0].shard
            if shard.startswith("crashes"):
                os._exit(9)
            while shard.startswith("silent"):
                time.sleep(1)
            for _ in range(4 if shard.startswith("slow") else 0):
                time.sleep(0.3)
                send(Alive())
            send(ShardWritten(Manifest(shard, "", ImageCounts(0, 0), {}), 0, {}))
    """),
]
"""A writer that does what the name of a shard says."""


def planned(shard: str) -> PlannedShard:
    return PlannedShard(shard, lambda: ShardJob(shard, [], False))


def outcomes(folder: Path, shards: Sequence[str], command: Sequence[str] = ODD) -> dict[str, str]:
    writers = ShardWriters(LocalStore(folder), settings(processes=2), [], command, silence_s=0.9)
    try:
        over = list(writers.write_all([planned(shard) for shard in shards]))
    finally:
        writers.close()
    assert sorted(job.shard for job, _ in over) == sorted(shards)
    return {job.shard: written if isinstance(written, str) else written.manifest.name for job, written in over}


def test_a_shard_whose_process_dies_or_falls_silent_comes_back_and_the_others_are_written(tmp_path: Path) -> None:
    shards = ["fine0", "crashes1", "silent2", "slow3", "crashes4", "fine5", "fine6"]
    endings = {"crashes": "exit code 9", "silent": "silent for 0.9 s"}
    assert outcomes(tmp_path, shards) == {shard: endings.get(shard[:-1], shard) for shard in shards}


def test_writers_that_cannot_start_give_everything_back(tmp_path: Path) -> None:
    broken = [sys.executable, "-c", "import no_such_module_at_all"]
    why = "ModuleNotFoundError: No module named 'no_such_module_at_all'"
    assert outcomes(tmp_path, ["fine0", "fine1"], broken) == {"fine0": why, "fine1": why}


def test_few_shards_and_corpora_in_memory_are_not_for_processes_that_write(tmp_path: Path) -> None:
    jobs = [planned(f"{number:06d}") for number in range(20)]
    of = ShardWriters(LocalStore(tmp_path), settings(processes=16, workers=32), [])
    assert (of.suits(jobs[:5]), of.suits(jobs[:6])) == ([], jobs[:6])
    assert ShardWriters(LocalStore(tmp_path), settings(processes=1), []).suits(jobs[:1]) == jobs[:1]
    assert ShardWriters(open_store("memory://shared"), settings(processes=1), []).suits(jobs) == []


def test_whole_shards_of_any_number_of_processes_are_those_of_one_image_after_the_other(tmp_path: Path) -> None:
    photos = write_pictures(tmp_path / "photos", 9)
    write_broken(photos, 18)
    (photos / "png.jpg").write_bytes(encoded(Image.new("RGB", (40, 30)), "PNG"))
    expected = ingest(LocalStore(tmp_path / "expected"), [str(photos)], settings())
    assert expected.warnings == ["mislabelled, kept as what it is: 1 x .jpg that is png"]
    for processes in (1, 2):
        corpus = tmp_path / f"corpus{processes}"
        shards: list[str] = []
        wanted = settings(processes=processes)
        told = functools.partial(lambda to, shard, _: to.append(shard), shards)
        report = ingest_in_processes(LocalStore(corpus), [str(photos)], wanted, on_shard=told)
        assert report == expected
        assert sorted(shards) == [f"{number:06d}" for number in range(7)]
        assert contents(corpus) == contents(tmp_path / "expected")


def test_an_image_that_takes_too_long_fails_alone(tmp_path: Path, store: LocalStore) -> None:
    photos = write_pictures(tmp_path / "photos", 7)
    (photos / "slow.png").write_bytes(encoded(Image.new("L", (14000, 14000)), "PNG", compress_level=1))
    wanted = settings(processes=2, deadline_s=2, limits={"max_pixels": 200_000_000})  # 5 s, against 5 ms of the others
    report = ingest_in_processes(store, [str(photos)], wanted)
    reasons = {key: row.error.partition(":")[0] for key, row in rows(store).items() if row.error}
    assert reasons == {"slow": "too_slow"}
    assert report.warnings == [
        "shards that another process wrote, since the first one ended: 1 x an image takes longer than ingest.deadline_s"
    ]
    assert not list((tmp_path / "corpus").rglob("*.part"))


class FullStore(LocalStore):
    """A disk that has no room for the second shard."""

    def write(self, path: str, chunks: Iterable[bytes]) -> None:
        if path == "images/000001.tar":
            raise OSError(28, os.strerror(28), path)
        super().write(path, chunks)


def test_a_full_disk_is_what_the_caller_hears_of(tmp_path: Path) -> None:
    photos = write_pictures(tmp_path / "photos", 8)
    with pytest.raises(OSError, match=r"No space left on device: 'images/000001\.tar'"):
        ingest_in_processes(FullStore(tmp_path / "corpus"), [str(photos)], settings(processes=2))


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_who_ends_the_parent_ends_the_writers_in_the_middle_of_a_shard(tmp_path: Path, ending: signal.Signals) -> None:
    code = (
        "import sys; from shards.store import LocalStore; from stages.ingest.ingest import ingest;"
        "from tests.stages.ingest.corpora import settings;"
        "ingest(LocalStore(sys.argv[1]), [sys.argv[2]], settings(processes=2, fetch={'allow_private': True}))"
    )
    good = encoded(Image.new("RGB", (40, 30)), "JPEG")
    with bad_server({f"/{number}.jpg": good for number in range(7)}) as server:
        urls = [*(f"{server.url}/{number}.jpg" for number in range(7)), f"{server.url}/drip/7.jpg"]
        listed = write_list(tmp_path / "l.txt", *urls)
        command = [sys.executable, "-c", code, str(tmp_path / "corpus"), listed]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            parent = psutil.Process(process.pid)
            while not server.hits["/drip/7.jpg"]:
                time.sleep(0.01)
            writers = parent.children()
            process.send_signal(ending)
            process.wait(30)
        assert len(writers) == 2
        assert not psutil.wait_procs(writers, 10)[1]
    if ending == signal.SIGINT:
        assert not list((tmp_path / "corpus").rglob("*.part"))


def test_the_writer_starts_without_what_is_slow_to_import() -> None:
    heavy = {"torch", "scipy", "ray", "transformers", "cv2"}
    code = f"import sys, stages.ingest.shard_worker; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_a_mistake_of_ours_ends_the_writer_and_says_where_it_arose() -> None:
    setup = Setup(settings().model_dump_json(), [], 1, b"no pickle at all")
    ended = subprocess.run(WRITER, input=b"".join(pack(setup)), capture_output=True)
    said = ended.stderr.decode().splitlines()
    assert (ended.returncode, said[0], said[-1].partition(":")[0]) == (
        70,
        "Traceback (most recent call last):",
        "_pickle.UnpicklingError",
    )
