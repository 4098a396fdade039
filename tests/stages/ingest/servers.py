"""A web server on loopback that behaves as badly as its paths say."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class BadServer(ThreadingHTTPServer):
    """files: path -> body. hits: path -> requests. Special paths are in `_Handler.do_GET`."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files
        self.hits: Counter[str] = Counter()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the test."""


@contextmanager
def bad_server(files: dict[str, bytes] | None = None) -> Iterator[BadServer]:
    server = BadServer(files or {})
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
        path = self.path
        self.server.hits[path] += 1
        if path.startswith("/to/"):  # redirect to the rest of the path, or to a URL in it
            target = path.removeprefix("/to/")
            self._answer(302, b"", Location=target if "://" in target else f"/{target}")
        elif path == "/loop":
            self._answer(302, b"", Location="/loop")
        elif path.startswith("/status/"):
            self._answer(int(path.rpartition("/")[2]), b"no")
        elif path.startswith("/flaky/"):  # fails twice
            name = path.removeprefix("/flaky")
            if self.server.hits[path] <= 2:
                self._answer(503, b"busy", **{"Retry-After": "7"})
            else:
                self._answer(200, self.server.files[name])
        elif path == "/cut":
            self._answer(200, b"only this", length=1000)
        elif path == "/drip":
            self._drip(length="1000000")
        elif path == "/drip-no-length":
            self._drip(length=None)
        elif path == "/endless":
            self._endless()
        elif path == "/announced":
            self._answer(200, b"x", length=10**9)
        elif path in self.server.files:
            self._answer(200, self.server.files[path])
        else:
            self._answer(404, b"<html>not found")

    def _answer(self, status: int, body: bytes, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
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
