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
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Literal
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

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
    "refused_scheme",
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
    parts = _parse(url)
    for _ in range(settings.max_redirects + 1):
        found = _hop(parts, settings, max_bytes, look_up, deadline)
        if isinstance(found, bytes):
            return found
        following = _parse(found, parts)
        if (following.scheme, _host(following)) != (parts.scheme, _host(parts)):
            following = following._replace(netloc=_host(following))  # a password is for the host it was written for
        parts = following
    raise FetchError("too_many_redirects", f"more than {settings.max_redirects} (fetch.max_redirects)")


def _parse(url: str, base: SplitResult | None = None) -> SplitResult:
    """Parts of a URL that has a scheme, a host and a port that make sense; relative to `base` after a redirect."""
    what = "the redirect" if base else "it"
    try:
        parts = urlsplit(urljoin(base.geturl(), url) if base else url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            parts.hostname.encode("idna")
            return parts
    except ValueError as error:  # UnicodeError is one
        raise FetchError("bad_url", f"{what} must be http(s)://host/...") from error
    raise FetchError("bad_url", f"{what} must be http(s)://host/...")


def _host(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]


def _hop(parts: SplitResult, settings: FetchSettings, max_bytes: int, look_up: Resolve, deadline: float) -> bytes | str:
    """The body, or where the server sends us next."""
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        addresses = checked_addresses(host, port, settings.allow_private, look_up)
    except RefusedAddressError as error:
        raise FetchError("refused_address", str(error)) from error
    except (OSError, UnicodeError) as error:
        raise FetchError("connection", f"{host} has no address", retry=True) from error
    try:
        with _connected(parts.scheme, host, port, addresses, deadline) as connection:
            connection.request("GET", _target(parts), headers=_headers(parts, settings))
            with connection.getresponse() as response:
                answer = _answer(response, max_bytes)
            if time.monotonic() >= deadline:  # a body without a length looks complete when it is cut
                raise TimeoutError
            return answer
    except FetchError:
        raise
    except (OSError, http.client.HTTPException, ValueError) as error:
        if time.monotonic() >= deadline:
            raise FetchError(
                "timeout", f"longer than {settings.timeout_s:g} s (fetch.timeout_s)", retry=True
            ) from error
        if isinstance(error, (http.client.InvalidURL, ValueError)):
            raise FetchError("bad_url", "it has characters that no URL can have") from error
        if isinstance(error, http.client.IncompleteRead):
            raise FetchError("incomplete", "the connection ended before the body did", retry=True) from error
        raise FetchError("connection", f"{host}: {type(error).__name__}", retry=True) from error


def _target(parts: SplitResult) -> str:
    return quote(parts.path or "/", safe=_SAFE) + (f"?{quote(parts.query, safe=_SAFE)}" if parts.query else "")


def _headers(parts: SplitResult, settings: FetchSettings) -> dict[str, str]:
    headers = {"User-Agent": settings.user_agent, "Accept": "image/*,*/*;q=0.5", "Connection": "close"}
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {b64encode(login.encode()).decode()}"
    return headers


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
        # not the server's own words: they may repeat what it was asked, and with it a password
        detail = f"{response.status} {http.client.responses.get(response.status, '')}".strip()
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
    digits = (value or "").strip()
    return float(digits) if digits.isascii() and digits.isdigit() else None
