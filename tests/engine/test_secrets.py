"""No password, signature or key of a list or an endpoint leaves the process that was given it.

The real command as processes of its own, every verb, every kind of failing request; then all that is on disk, all that
was printed and every command line that `ps` showed meanwhile is searched.
"""

import base64
import gzip
import html
import itertools
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shards.reader import Corpus
from shards.record import encode
from tests.engine.fake_specialists import save_pictures
from tests.specialists.chat_server import ChatServer, Reply, chat_server

pytestmark = pytest.mark.timeout(600)
REPOSITORY = Path(__file__).parents[2]
KEY = "sk-SECRETAPIKEY"
SECRET = re.compile(rb"SECRET[A-Z]+")
PASSWORD = base64.b64encode(b"ann:SECRETPASSWORD")
GOOD, BAD = 40, 11
CONFIG = """
ingest:
  shard_size: 16
  failure_budget: 0.9
  fetch: {allow_private: true, retries: 1, backoff_s: 0, timeout_s: 5, max_redirects: 3}
engine: {backend: local, failure_budget: 0.9}
annotators:
  boxes: {role: detector, specialist: {backend: custom, factory: "tests.engine.fake_specialists:RectangleDetector"}}
  texts: {role: captioner, specialist: {backend: custom, factory: "tests.engine.fake_specialists:ColourCaptioner"}}
  tells:
    role: describer
    granularities: [detailed]
    specialist: {backend: openai, base_url: "%s", model: m, api_key_env: TELLS_KEY, max_retries: 1, concurrency: 2}
"""


class Pictures(BaseHTTPRequestHandler):
    """Serves pictures, and all that can go wrong with that; what it answers repeats what it was asked."""

    folder: Path

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        host = f"http://ann:SECRETPASSWORD@{self.headers['Host']}"
        match path.split("/")[1]:
            case "moved" | "round" | "nowhere" | "file" as where:
                self._send(302, b"", {"Location": self._elsewhere(where, path, host)})
            case "refused":
                self._send(403, f"no: {self.path}".encode(), {}, f"Forbidden {self.path}")
            case "busy":
                self._send(503, b"", {"Retry-After": "0"}, f"Busy {self.path}")
            case "cut":
                self._send(200, b"abc", {"Content-Length": "99"})
            case "words":
                self._send(200, f"<html>{self.path}</html>".encode(), {})
            case "list" if path.endswith(".txt"):
                names = [f"p{number:03d}.png?token=SECRETRELATIVE" for number in range(4)]
                self._send(200, "\n".join(names).encode(), {})
            case "closed":
                self.close_connection = True
            case _:
                self._send(200, (self.folder / path.rpartition("/")[2]).read_bytes(), {})

    def _elsewhere(self, where: str, path: str, host: str) -> str:
        """Where a redirect leads."""
        match where:
            case "moved":
                return f"{path.removeprefix('/moved')}?X-Amz-Signature=SECRETREDIRECT"
            case "round":
                return f"{host}{path}?sig=SECRETREDIRECT"
            case "nowhere":
                return "http://bob:SECRETPASSWORD@127.0.0.1:1/x.png?sig=SECRETREDIRECT"
            case _:
                return "file:///etc/SECRETFILE?sig=SECRETREDIRECT"

    def _send(self, status: int, body: bytes, headers: dict[str, str], words: str | None = None) -> None:
        self.send_response(status, words)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """host:port of a server of pictures."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Here", (Pictures,), {"folder": folder}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Machine:
    """Runs `fld` in a home of its own, keeps what it prints, and looks at `ps` meanwhile."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.printed: list[bytes] = []
        self.seen: set[bytes] = set()
        (folder / "home").mkdir()
        (folder / "temp").mkdir()
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "OMP_NUM_THREADS") if name in os.environ}
        own = {"HOME": "home", "TMPDIR": "temp"}
        self._env = kept | {name: str(folder / place) for name, place in own.items()}
        self._env |= {"PYTHONPATH": str(REPOSITORY), "TELLS_KEY": KEY, "COLUMNS": "4000"}

    def fld(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> bytes:
        """Runs to its end; what it printed."""
        process = self.start(*arguments)
        while process.poll() is None:
            self._look()
            time.sleep(0.02)
        said = (self.folder / "said").read_bytes()
        self.printed.append(said)
        assert process.returncode in codes, (arguments, process.returncode, said.decode())
        assert b"Traceback" not in said, said.decode()
        return said

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Started; what it prints is in the file `said`."""
        command = [sys.executable, "-m", "engine.cli", *arguments]
        with (self.folder / "said").open("wb") as said:
            return subprocess.Popen(command, cwd=self.folder, env=self._env, stdout=said, stderr=subprocess.STDOUT)

    def _look(self) -> None:
        for process in psutil.Process().children(recursive=True):
            try:
                self.seen.add(" ".join(process.cmdline()).encode())
            except psutil.Error:
                continue


def lists(folder: Path, host: str) -> list[str]:
    """Lists of every kind with secrets in every place: pictures that can be had, and those that cannot."""
    own = f"http://ann:SECRETPASSWORD@{host}"
    good = [f"{own}/a/p{number:03d}.png?X-Amz-Signature=SECRETSIGNATURE&size=9" for number in range(10)]
    bad = [
        f"{own}/{what}/x{number}.png?token=SECRETTOKEN"
        for number, what in enumerate(["round", "nowhere", "file", "refused", "busy", "cut", "words", "closed"])
    ]
    bad += [f"http://ann:SECRETPASSWORD@127.0.0.1:{port}/y.png?token=SECRETTOKEN" for port in ("1", "99999", "x")]
    (folder / "lists").mkdir()
    (folder / "lists/one.txt").write_text("\n".join(good + bad) + "\n")
    signed = "sig=SECRETSIGNATURE#SECRETFRAGMENT"
    two = [{"url": f"http://{host}/b/p{n:03d}.png?{signed}", "text": "a box"} for n in range(10, 20)]
    (folder / "lists/two.jsonl").write_text("".join(json.dumps(line) + "\n" for line in two))
    moved = [f"{own}/moved/c/p{n:03d}.png?AWSAccessKeyId=SECRETID&Signature=SECRETSIGNATURE" for n in range(20, 30)]
    pq.write_table(pa.table({"url": moved, "key": moved}), folder / "lists/three.parquet")
    images = [
        {"id": n, "file_name": f"p{n:03d}.png", "width": 64, "height": 48,
         "coco_url": f"{own}/d/p{n:03d}.png?se=2026&sig=SECRETSIGNATURE"} for n in range(30, 40)
    ]  # fmt: skip
    boxes = [{"id": 1, "image_id": 30, "category_id": 1, "bbox": [1, 2, 10, 10], "iscrowd": 0, "area": 100}]
    coco = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "box"}]}
    (folder / "lists/four.json").write_text(json.dumps(coco))
    return [f"lists/{name}" for name in ("one.txt", "two.jsonl", "three.parquet", "four.json")]


def answering() -> Callable[[object], Reply]:
    """Every fourth request fails, and repeats the key."""
    numbers = itertools.count()

    def answer(_: object) -> Reply:
        if next(numbers) % 4 == 3:
            return Reply(f"bad request with Authorization: Bearer {KEY}", status=400)
        return Reply("A red box stands in front of a wall that is painted grey all over.")

    return answer


def look_at_pages(machine: Machine) -> None:
    """Starts the viewer, fetches its pages."""
    process = machine.start("view", "corpus")
    try:
        address = None
        for _ in range(600):
            address = re.search(rb"http://\S+", (machine.folder / "said").read_bytes())
            if address:
                break
            time.sleep(0.1)
        assert address, (machine.folder / "said").read_bytes()
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        seen: set[str] = set()
        waiting = [address[0].decode()]
        while waiting and len(seen) < 40:
            page = waiting.pop(0)
            seen.add(page)
            with opener.open(page) as response:
                body = response.read()
            machine.printed.append(body)
            links = re.findall(r'(?:href|src)="([^"#]*)"', body.decode(errors="replace"))
            found = [urllib.parse.urljoin(page, html.unescape(link)) for link in links]
            waiting += [link for link in dict.fromkeys(found) if link not in {*seen, *waiting} and "static" not in link]
        assert len(seen) > 5
    finally:
        process.terminate()
        process.wait()
    machine.printed.append((machine.folder / "said").read_bytes())


def written(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of all that was written, parquet and gzip unpacked."""
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if not path.is_file() or name.startswith(("lists/", "gold")):
            continue
        yield name, path.read_bytes() + name.encode()
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            yield name, (str(table.to_pylist()) + str(table.schema.metadata)).encode()
        if path.suffix == ".gz":
            yield name, gzip.decompress(path.read_bytes())


def leaks(found: bytes) -> list[str]:
    names = {match[0].decode() for match in SECRET.finditer(found)}
    return sorted(names | ({"the password in base64"} if PASSWORD.rstrip(b"=") in found else set()))


def work(machine: Machine, sources: list[str], host: str) -> None:
    """Every verb that can meet a secret."""
    fld = machine.fld
    fld("plan", *sources[:1], "--config", "mine.yaml", "--sample", "4", "--seconds", "1", codes=(0, 2, 3))
    fld("doctor", "--config", "mine.yaml", codes=(0, 2))
    fld("ingest", *sources, "corpus", "--config", "mine.yaml")
    fld("run", *sources, "corpus")
    fld("ingest", *sources, "corpus", "--retry-quarantined")
    fld("annotate", "corpus", "--retry-quarantined")
    fld("filter", "corpus")
    strict = ("--config", "mine.yaml", "--set", "ingest.failure_budget=0")
    fld("ingest", sources[0], "other", *strict, codes=(3,))
    typed = f"http://ann:TYPEDSECRET@{host}/words/list.txt?sig=TYPEDSECRET"
    fld("ingest", typed, "third", *strict, codes=(2, 3))
    typed = f"http://ann:TYPEDSECRET@{host}/list/list.txt?sig=TYPEDSECRET"
    fld("ingest", typed, "third", "--config", "mine.yaml")
    fld("ingest", typed, "fourth", *strict, "--set=ingest.format=coco", codes=(2,))
    wrong = ("api_key=TYPEDSECRET", "api_key_env=TYPEDSECRET-", "base_url=http://h/v1?key=TYPEDSECRET")
    sets = [f"--set=annotators.tells.specialist.{each}" for each in wrong]
    fld("doctor", "--config", "mine.yaml", *sets, codes=(2,))
    fld("loop", "corpus", "--rounds", "1", "--from", "nowhere", codes=(2,))
    for number, format_ in enumerate(["coco", "hf", "fiftyone"]):
        fld("export", "corpus", f"out{number}", "--format", format_)
    for verb in ("status", "stats"):
        fld(verb, "corpus")
    fld("report", "corpus", "--out", "report.html")
    round_ = Corpus(str(machine.folder / "corpus")).round(0)
    key = round_.keys()[0]
    for shown in (["show", "corpus", key], ["show", "corpus", key, "--json", "--dropped"]):
        fld(*shown)
    records = [record for shard in round_.shards() for record in round_.records(shard)]
    (machine.folder / "gold.jsonl").write_bytes(b"".join(encode(record) + b"\n" for record in records))
    fld("eval", "corpus", "--gold", "gold.jsonl", "--json", "eval.json")
    look_at_pages(machine)


@pytest.mark.thorough
def test_no_secret_is_written_printed_or_shown_by_ps(tmp_path: Path) -> None:
    save_pictures(tmp_path / "pictures", GOOD)
    folder = tmp_path / "work"
    folder.mkdir()
    machine = Machine(folder)
    with served(tmp_path / "pictures") as host, chat_server() as chat:
        chat.answers = answering()
        (folder / "mine.yaml").write_text(CONFIG % chat.url)
        sources = lists(folder, host)
        work(machine, sources, host)
        assert _keys(chat) == {f"Bearer {KEY}"}
    assert len(Corpus(str(folder / "corpus")).round(0).keys()) > GOOD / 2
    said = {f"printed {number}": leaks(text) for number, text in enumerate(machine.printed)}
    said |= {f"ps: {line.decode()}": leaks(line) for line in machine.seen if b"TYPEDSECRET" not in line}
    for name, content in written(folder):
        said[name] = said.get(name, []) + leaks(content)
        assert b"TYPEDSECRET" not in content, name
    assert not any(b"TYPEDSECRET" in text for text in machine.printed)
    assert {name: found for name, found in said.items() if found} == {}
    assert len(machine.seen) > 10


def _keys(chat: ChatServer) -> set[str | None]:
    return {*chat.keys}
