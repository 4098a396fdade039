import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stages.ingest.address import RefusedAddressError
from stages.ingest.entry import SourceError
from stages.ingest.fetch import Fetcher
from stages.ingest.http import FetchError
from stages.ingest.settings import FetchSettings
from tests.stages.ingest.servers import BadServer, bad_server

QUICK = FetchSettings(timeout_s=0.4, retries=2, backoff_s=0.25, allow_private=True)
GUARDED = FetchSettings(timeout_s=0.4, retries=0)


@pytest.fixture(scope="module")
def server() -> Iterator[BadServer]:
    with bad_server({"/a.jpg": b"picture", "/b c.jpg": b"space"}) as running:
        yield running


class Waits(list[float]):
    """A sleep that only writes down."""

    def __call__(self, wait_s: float) -> None:
        self.append(wait_s)


def fetcher(settings: FetchSettings = QUICK, waits: Waits | None = None) -> Fetcher:
    return Fetcher(settings, sleep=Waits() if waits is None else waits)


def failure(url: str, settings: FetchSettings = QUICK, max_bytes: int = 1000) -> str:
    with pytest.raises(FetchError) as failed:
        fetcher(settings).read(url, max_bytes)
    return str(failed.value)


def test_a_url_is_read(server: BadServer) -> None:
    assert fetcher().read(f"{server.url}/a.jpg", 1000) == b"picture"


def test_redirects_are_followed(server: BadServer) -> None:
    assert fetcher().read(f"{server.url}/to/to/to/a.jpg", 1000) == b"picture"


def test_endless_redirects_end(server: BadServer) -> None:
    server.hits.clear()
    assert failure(f"{server.url}/loop") == "too_many_redirects: more than 5 (fetch.max_redirects)"
    assert server.hits["/loop"] == 6


def test_busy_servers_are_asked_again_after_the_time_they_say(server: BadServer) -> None:
    waits = Waits()
    assert fetcher(waits=waits).read(f"{server.url}/flaky/a.jpg", 1000) == b"picture"
    assert waits == [7.0, 7.0]


def test_the_wait_doubles_and_the_last_error_is_told(server: BadServer) -> None:
    waits = Waits()
    server.hits.clear()
    with pytest.raises(FetchError, match="status: 500 Internal Server Error"):
        fetcher(waits=waits).read(f"{server.url}/status/500", 1000)
    assert waits == [0.25, 0.5]
    assert server.hits["/status/500"] == 3


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_clear_no_is_not_asked_again(server: BadServer, status: int) -> None:
    server.hits.clear()
    assert failure(f"{server.url}/status/{status}").startswith(f"status: {status}")
    assert server.hits[f"/status/{status}"] == 1


@pytest.mark.parametrize("path", ["/drip", "/drip-no-length"])
def test_a_server_that_drips_runs_into_the_deadline(server: BadServer, path: str) -> None:
    once = FetchSettings(timeout_s=0.4, retries=0, allow_private=True)
    started = time.monotonic()
    assert failure(f"{server.url}{path}", once, max_bytes=1_000_000) == "timeout: longer than 0.4 s (fetch.timeout_s)"
    assert time.monotonic() - started < 2


def test_a_body_that_ends_early_is_incomplete(server: BadServer) -> None:
    assert failure(f"{server.url}/cut") == "incomplete: the connection ended before the body did"


def test_an_announced_size_over_the_cap_is_refused_unread(server: BadServer) -> None:
    assert failure(f"{server.url}/announced") == "too_many_bytes: 1000000000 bytes, at most 1000 (limits.max_bytes)"


def test_an_endless_body_is_cut_at_the_cap(server: BadServer) -> None:
    patient = FetchSettings(timeout_s=20, retries=0, allow_private=True)
    wanted = "too_many_bytes: more than 200000 bytes (limits.max_bytes)"
    assert failure(f"{server.url}/endless", patient, 200_000) == wanted


def test_a_closed_port_is_a_connection_error(server: BadServer) -> None:
    assert failure("http://127.0.0.1:1/a.jpg") == "connection: 127.0.0.1: ConnectionRefusedError"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "169.254.169.254", "[::1]", "0x7f.1", "2130706433", "10.0.0.1", "[::ffff:127.0.0.1]"],
)
def test_private_hosts_are_refused_without_a_connection(host: str) -> None:
    assert failure(f"http://{host}/latest/meta-data", GUARDED).startswith("refused_address: ")


def test_every_redirect_is_looked_up_and_checked(server: BadServer) -> None:
    def look_up(host: str, port: int) -> list[str]:
        if host == "metadata":
            raise RefusedAddressError("metadata is at 169.254.169.254")
        return ["127.0.0.1"]

    with pytest.raises(FetchError, match="refused_address: metadata is at 169"):
        Fetcher(QUICK, look_up=look_up).read(f"{server.url}/to/http://metadata/", 1000)


def test_the_connection_goes_to_the_address_that_was_checked(server: BadServer) -> None:
    """A name that answers differently the second time (DNS rebinding) is looked up once per hop."""
    asked: list[str] = []

    def look_up(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    port = server.server_address[1]
    found = Fetcher(QUICK, look_up=look_up).read(f"http://no-such-host.invalid:{port}/a.jpg", 1000)
    assert found == b"picture"
    assert asked == ["no-such-host.invalid"]


def test_a_redirect_to_a_file_is_refused(server: BadServer) -> None:
    assert failure(f"{server.url}/to/file:///etc/passwd").startswith("bad_url: file:///etc/passwd")


def test_spaces_in_a_url_are_quoted(server: BadServer) -> None:
    server.files["/b%20c.jpg"] = b"space"
    assert fetcher().read(f"{server.url}/b c.jpg", 1000) == b"space"


def test_a_url_that_is_none() -> None:
    assert failure("http://[::1").startswith("bad_url")
    assert failure("http:///a.jpg").startswith("bad_url")


def test_a_host_without_an_address() -> None:
    def look_up(host: str, port: int) -> list[str]:
        raise OSError("no such host")

    with pytest.raises(FetchError, match="connection: nowhere has no address"):
        Fetcher(GUARDED, look_up=look_up).read("http://nowhere/", 10)


def test_a_local_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"0123456789")
    read = fetcher().read
    assert read(str(tmp_path / "a"), 10) == b"0123456789"
    assert read(str(tmp_path / "a"), 10, offset=3, size=4) == b"3456"
    assert failure(str(tmp_path / "a"), max_bytes=9) == "too_many_bytes: 10 bytes, at most 9 (limits.max_bytes)"
    assert failure(str(tmp_path / "b")) == "missing: no such file"
    assert failure(str(tmp_path)) == "unreadable: not a regular file"
    with pytest.raises(FetchError, match="incomplete: 2 bytes of 5"):
        read(str(tmp_path / "a"), 10, offset=8, size=5)


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert failure(str(tmp_path / "pipe")) == "unreadable: not a regular file"


def test_an_fsspec_url() -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe_file("/fetch/a", b"0123456789")
    read = fetcher().read
    assert read("memory://fetch/a", 10) == b"0123456789"
    assert read("memory://fetch/a", 10, offset=3, size=4) == b"3456"
    assert failure("memory://fetch/a", max_bytes=9).startswith("too_many_bytes: 10 bytes")
    assert failure("memory://fetch/b") == "missing: no such object"


def test_a_protocol_that_nobody_knows_stops_everything() -> None:
    with pytest.raises(SourceError, match="nope://x cannot be read"):
        fetcher().read("nope://x", 10)
