import os
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from PIL import Image

from stages.ingest.entry import Entry
from stages.ingest.examine import Examined
from stages.ingest.settings import FetchSettings, IngestSettings
from stages.ingest.workers import ImageSource, WorkerError, Workers, fetch_limit_s
from tests.stages.ingest.broken import encoded, picture

ODD = [
    sys.executable,
    "-c",
    textwrap.dedent(r"""
        import os, sys, threading, time
        from shards.images import ImageRow
        from stages.ingest.frames import Done, Fetched, Ready, pack, read_frame
        jobs, results = sys.stdin.buffer, sys.stdout.buffer
        read_frame(jobs)

        def send(message, data=b""):
            results.write(b"".join(pack(message, data)))
            results.flush()

        send(Ready())
        while frame := read_frame(jobs):
            job = frame[0]
            if job.entry.name == "hangs":
                send(Fetched(job.id))
            elif job.entry.name == "crashes":
                time.sleep(0.1)
                sys.stderr.write("first line\nlast words\n")
                sys.stderr.flush()
                os._exit(9)
            elif job.entry.name != "silent":
                send(Done(job.id, ImageRow(job.entry.key, job.entry.uri), 0), job.entry.key.encode() * 100_000)
    """),
]
"""A worker that does what the name of an image says."""


def named(*names: str) -> Iterator[ImageSource]:
    for number, name in enumerate(names):
        yield ImageSource(Entry(uri=name, location=name, name=name, key=str(number)))


def outcomes(names: list[str], command: Sequence[str] = ODD, **wanted: object) -> list[str]:
    settings = IngestSettings.model_validate({"processes": 2, "workers": 6, "deadline_s": 0.5, **wanted})
    workers = Workers(settings, [], command)
    try:
        found = list(workers.examine_all(named(*names)))
    finally:
        workers.close()
    assert [examined.row.key for examined in found] == [str(number) for number in range(len(names))]
    for examined in found:
        if examined.row.status == "ok":
            assert examined.data == examined.row.key.encode() * 100_000
    return [f"{examined.row.stage}/{examined.row.error}" if examined.row.error else "ok" for examined in found]


def test_images_come_back_in_order() -> None:
    assert outcomes(["fine"] * 60) == ["ok"] * 60


def test_an_image_that_hangs_fails_alone() -> None:
    names = ["fine", "hangs", "fine", "fine", "fine", "hangs", *["fine"] * 20]
    slow = "decode/too_slow: longer than 0.5 s (ingest.deadline_s)"
    assert outcomes(names) == ["ok", slow, "ok", "ok", "ok", slow, *["ok"] * 20]


def test_an_image_that_crashes_its_worker_is_found_among_its_neighbours() -> None:
    names = ["fine", "fine", "crashes", "fine", "crashes", *["fine"] * 20]
    crashed = "fetch/crashed: its process ended: last words"
    assert outcomes(names) == ["ok", "ok", crashed, "ok", crashed, *["ok"] * 20]


def test_a_place_that_never_answers_has_a_deadline_whatever_its_scheme() -> None:
    assert fetch_limit_s(FetchSettings(timeout_s=20, retries=3)) == 180
    started = time.monotonic()
    found = outcomes(["silent", "fine"], fetch={"timeout_s": 0.1, "retries": 0})
    assert found == ["fetch/timeout: its place does not answer", "ok"]
    assert time.monotonic() - started < 20


def test_workers_that_cannot_start_blame_no_image() -> None:
    broken = [sys.executable, "-c", "import no_such_module_at_all"]
    with pytest.raises(WorkerError, match=r"processes of ingest do not start here: .*no_such_module_at_all"):
        outcomes(["fine"], broken)


def test_the_real_worker_examines_images_and_is_stopped(tmp_path: Path) -> None:
    (tmp_path / "good.jpg").write_bytes(encoded(picture(1), "JPEG"))
    (tmp_path / "slow.png").write_bytes(encoded(Image.effect_noise((3000, 3000), 80), "PNG", compress_level=1))
    os.mkfifo(tmp_path / "pipe.jpg")
    names = ("good.jpg", "pipe.jpg", "gone.jpg")
    wanted = [ImageSource(Entry(name, str(tmp_path / name), name, key=name)) for name in names]
    wanted.append(ImageSource(Entry("known.jpg", "/gone", "known.jpg", key="known.jpg"), encoded(picture(2), "JPEG")))
    assert _examined(IngestSettings(workers=3), wanted) == {
        "good.jpg": "ok",
        "pipe.jpg": "fetch/unreadable",
        "gone.jpg": "fetch/missing",
        "known.jpg": "ok",
    }
    slow = ImageSource(Entry("slow.png", str(tmp_path / "slow.png"), "slow.png", key="slow.png"))
    assert _examined(IngestSettings(deadline_s=0.02), [slow]) == {"slow.png": "decode/too_slow"}


def _examined(settings: IngestSettings, wanted: list[ImageSource]) -> dict[str, str]:
    workers = Workers(settings, [])
    try:
        return {examined.row.key: _reason(examined) for examined in workers.examine_all(iter(wanted))}
    finally:
        workers.close()


def _reason(examined: Examined) -> str:
    return "ok" if examined.data else f"{examined.row.stage}/{examined.row.error.partition(':')[0]}"


def test_the_worker_starts_without_what_is_slow_to_import() -> None:
    import subprocess

    heavy = {"torch", "scipy", "ray", "transformers", "cv2"}
    code = f"import sys, stages.ingest.worker; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_processes_have_the_path_of_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenCV's package puts its folder, with a `typing` in it, on the path and then replaces the whole list."""
    (tmp_path / "typing.py").write_text("raise ImportError('the wrong one')")
    whole = list(sys.path)
    sys.path.insert(0, str(tmp_path))
    monkeypatch.setattr(sys, "path", whole)
    try:
        assert outcomes(["good"]) == ["ok"]
    finally:
        monkeypatch.undo()
        sys.path.remove(str(tmp_path))


def test_processes_do_not_look_into_a_package_that_is_being_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenCV's folder is on the path while another thread imports it, and a worker may start meanwhile."""
    package = tmp_path / "cv2"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "typing.py").write_text("raise ImportError('the wrong one')")
    monkeypatch.syspath_prepend(str(package))
    (tmp_path / "good.jpg").write_bytes(encoded(picture(1), "JPEG"))
    good = ImageSource(Entry("good.jpg", str(tmp_path / "good.jpg"), "good.jpg", key="good.jpg"))
    assert _examined(IngestSettings(), [good]) == {"good.jpg": "ok"}
