"""One http(s) download with an address check on every hop, a deadline and a size cap.

fsspec's http file system resolves and follows redirects inside aiohttp, where neither can be checked; therefore http(s)
is done here, with the standard library, and only the other protocols go through fsspec. Proxies from the environment
are not used: behind one, the address check would say nothing.
"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Literal
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from shards.errors import InputError
from stages.ingest.address import Address, RefusedAddressError, Resolve, checked_addresses
from stages.ingest.settings import FetchSettings

FetchReason = Literal[
    "missing",
    "unreadable",
    "too_many_bytes",
    "timeout",
    "connection",
    "status",
    "incomplete",
    "refused_address",
    "too_many_redirects",
    "bad_url",
]

REDIRECTS = frozenset({301, 302, 303, 307, 308})
BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers worth a retry."""
_BLOCK = 1 << 16
_SAFE = "/%:=&?~+!$,;'@()*[]-._"


class FetchError(InputError):
    """A file or URL that could not be read. retry: whether another attempt may help; wait_s: what the server asked."""

    def __init__(self, reason: FetchReason, detail: str, retry: bool = False, wait_s: float | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.retry = retry
        self.wait_s = wait_s


def download(url: str, settings: FetchSettings, max_bytes: int, look_up: Resolve) -> bytes:
    """The body at `url`, redirects followed. Raises FetchError; one attempt, at most settings.timeout_s in all."""
    deadline = time.monotonic() + settings.timeout_s
    for _ in range(settings.max_redirects + 1):
        found = _hop(url, settings, max_bytes, look_up, deadline)
        if isinstance(found, bytes):
            return found
        url = urljoin(url, found)
    raise FetchError("too_many_redirects", f"more than {settings.max_redirects} (fetch.max_redirects)")


def _hop(url: str, settings: FetchSettings, max_bytes: int, look_up: Resolve, deadline: float) -> bytes | str:
    """The body, or where the server sends us next."""
    parts, port = _parse(url)
    host = parts.hostname or ""
    try:
        addresses = checked_addresses(host, port, settings.allow_private, look_up)
    except RefusedAddressError as error:
        raise FetchError("refused_address", str(error)) from error
    except (OSError, UnicodeError) as error:
        raise FetchError("connection", f"{host} has no address", retry=True) from error
    try:
        with _connected(parts.scheme, host, port, addresses, deadline) as connection:
            target = quote(parts.path or "/", safe=_SAFE) + (
                f"?{quote(parts.query, safe=_SAFE)}" if parts.query else ""
            )
            headers = {"User-Agent": settings.user_agent, "Accept": "image/*,*/*;q=0.5", "Connection": "close"}
            connection.request("GET", target, headers=headers)
            with connection.getresponse() as response:
                answer = _answer(response, max_bytes)
            if time.monotonic() >= deadline:  # a body without a length looks complete when it is cut
                raise TimeoutError
            return answer
    except (OSError, http.client.HTTPException) as error:
        if time.monotonic() >= deadline:
            raise FetchError(
                "timeout", f"longer than {settings.timeout_s:g} s (fetch.timeout_s)", retry=True
            ) from error
        if isinstance(error, http.client.InvalidURL):
            raise FetchError("bad_url", str(error)) from error
        if isinstance(error, http.client.IncompleteRead):
            raise FetchError("incomplete", "the connection ended before the body did", retry=True) from error
        raise FetchError("connection", f"{host}: {type(error).__name__}", retry=True) from error


def _parse(url: str) -> tuple[SplitResult, int]:
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise FetchError("bad_url", f"{url}: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise FetchError("bad_url", f"{url}: must be http(s)://host/...")
    return parts, port


@contextmanager
def _connected(
    scheme: str, host: str, port: int, addresses: list[Address], deadline: float
) -> Iterator[http.client.HTTPConnection]:
    """A connection to the first address that answers, cut by a timer at the deadline: a server that sends a byte now
    and then would never run into a socket time-out."""
    stream = _socket(addresses, port, deadline)
    if scheme == "https":
        stream = _tls().wrap_socket(stream, server_hostname=host, do_handshake_on_connect=False)
    timer = threading.Timer(max(0.0, deadline - time.monotonic()), _cut, [stream])
    timer.daemon = True
    timer.start()
    try:
        if isinstance(stream, ssl.SSLSocket):
            stream.do_handshake()
        connection = http.client.HTTPConnection(host, port)
        connection.default_port = 443 if scheme == "https" else 80  # what it leaves out of the Host header
        connection.sock = stream
        yield connection
    finally:
        timer.cancel()
        stream.close()


def _socket(addresses: list[Address], port: int, deadline: float) -> socket.socket:
    problem: OSError = OSError("no address")
    for address in addresses:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("connecting took too long")
        try:
            return socket.create_connection((address, port), timeout=remaining)
        except OSError as error:
            problem = error
    raise problem


def _cut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _answer(response: http.client.HTTPResponse, max_bytes: int) -> bytes | str:
    if response.status in REDIRECTS and response.headers.get("Location"):
        return str(response.headers["Location"])
    if response.status != 200:
        detail = f"{response.status} {response.reason}".strip()
        raise FetchError("status", detail, response.status in BUSY, _retry_after(response.headers.get("Retry-After")))
    if response.length is not None and response.length > max_bytes:
        raise FetchError("too_many_bytes", f"{response.length} bytes, at most {max_bytes} (limits.max_bytes)")
    return _body(response, max_bytes)


def _body(response: http.client.HTTPResponse, max_bytes: int) -> bytes:
    expected = response.length
    blocks: list[bytes] = []
    size = 0
    while block := response.read1(_BLOCK):
        blocks.append(block)
        size += len(block)
        if size > max_bytes:
            raise FetchError("too_many_bytes", f"more than {max_bytes} bytes (limits.max_bytes)")
    if expected is not None and size < expected:
        raise http.client.IncompleteRead(b"", expected - size)
    return b"".join(blocks)


def _retry_after(value: str | None) -> float | None:
    """Seconds of a Retry-After header; its date form is not used."""
    return float(value) if value is not None and value.strip().isdigit() else None
