"""A web server on loopback that behaves as badly as its paths say."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class BadServer(ThreadingHTTPServer):
    """files: path -> body. wait_s: before each answer. hits: path -> requests. logins: Authorization of each.

    Special paths: see `_Handler.do_GET`."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes], wait_s: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files
        self.wait_s = wait_s
        self.hits: Counter[str] = Counter()
        self.logins: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the test."""


@contextmanager
def bad_server(files: dict[str, bytes] | None = None, wait_s: float = 0.0) -> Iterator[BadServer]:
    server = BadServer(files or {}, wait_s)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: BadServer

    def do_GET(self) -> None:
        self.server.hits[self.path] += 1
        time.sleep(self.server.wait_s)
        self.server.logins.append(self.headers.get("Authorization", ""))
        _, name, *_ = self.path.split("/")
        acts: dict[str, Callable[[], None]] = {
            "to": self._redirect,
            "loop": lambda: self._answer(302, headers={"Location": "/loop"}),
            "status": lambda: self._answer(int(self.path.rpartition("/")[2]), b"no"),
            "flaky": self._flaky,
            "cut": lambda: self._answer(200, b"only this", length=1000),
            "announced": lambda: self._answer(200, b"x", length=10**9),
            "drip": lambda: self._drip(length="1000000"),
            "drip-no-length": lambda: self._drip(length=None),
            "endless": self._endless,
            "odd-redirect": lambda: self._answer(302, headers={"Location": "http://[::1"}),
            "odd-wait": lambda: self._answer(503, headers={"Retry-After": "\u00b2"}),
        }
        acts.get(name, self._file)()

    def _file(self) -> None:
        found = self.server.files.get(self.path)
        self._answer(200 if found is not None else 404, b"<html>not found" if found is None else found)

    def _redirect(self) -> None:
        """To the rest of the path, or to a URL in it."""
        target = self.path.removeprefix("/to/")
        self._answer(302, headers={"Location": target if "://" in target else f"/{target}"})

    def _flaky(self) -> None:
        """Fails twice."""
        if self.server.hits[self.path] <= 2:
            self._answer(503, b"busy", headers={"Retry-After": "7"})
        else:
            self._answer(200, self.server.files[self.path.removeprefix("/flaky")])

    def _answer(
        self, status: int, body: bytes = b"", length: int | None = None, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def _drip(self, length: str | None) -> None:
        self.send_response(200)
        if length is not None:
            self.send_header("Content-Length", length)
        self.end_headers()
        for _ in range(100):
            self.wfile.write(b"x")
            time.sleep(0.05)

    def _endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        for _ in range(10_000):
            self.wfile.write(bytes(1 << 16))

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""
