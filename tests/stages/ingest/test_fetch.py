import os
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from stages.ingest.address import RefusedAddressError
from stages.ingest.fetch import Fetcher
from stages.ingest.http import FetchError
from stages.ingest.settings import FetchSettings
from tests.stages.ingest.servers import BadServer, bad_server

QUICK = FetchSettings(timeout_s=20, retries=2, backoff_s=0.25, allow_private=True)
GUARDED = FetchSettings(timeout_s=20, retries=0)


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
    assert time.monotonic() - started < 10


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
    assert failure(f"{server.url}/to/file:///etc/passwd").startswith("bad_url: the redirect must be http(s)://")


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


def test_a_small_file_takes_little_memory_however_large_one_may_be(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(b"0123456789")
    tracemalloc.start()
    assert fetcher().read(str(tmp_path / "list.txt"), FetchSettings().max_list_bytes) == b"0123456789"
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 1 << 20


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="Linux has files without a length")
def test_a_file_whose_length_is_not_known_before() -> None:
    assert fetcher().read("/proc/self/stat", 10_000).count(b" ") > 20
    assert failure("/proc/self/stat", max_bytes=20).startswith("too_many_bytes: 21 bytes, at most 20")


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
    read = Fetcher(QUICK, ["memory://fetch"], sleep=Waits()).read
    assert read("memory://fetch/a", 10) == b"0123456789"
    assert read("memory://fetch/a", 10, offset=3, size=4) == b"3456"
    with pytest.raises(FetchError, match="too_many_bytes: 10 bytes"):
        read("memory://fetch/a", 9)
    with pytest.raises(FetchError, match="missing: no such object"):
        read("memory://fetch/b", 9)
    with pytest.raises(FetchError, match=r"refused_scheme: memory:// is neither a source nor in fetch\.schemes"):
        read("memory://other/a", 9)


@pytest.mark.parametrize(
    "url",
    [
        "nope://x",
        "ftp://127.0.0.1/a.jpg",
        "simplecache::http://127.0.0.1/a.jpg",
        "zip://*.jpg::http://127.0.0.1/a.zip",
        "webhdfs://127.0.0.1/a.jpg",
        "s3://bucket/a.jpg",
        "s3://bucket/a.jpg::http://127.0.0.1/",
        "FILE:///etc/passwd",
        "github://user:repo@/a.jpg",
    ],
)
def test_only_allowed_schemes_are_opened(url: str) -> None:
    assert failure(url).startswith("refused_scheme: ")


def test_object_stores_are_allowed_by_name() -> None:
    allowed = FetchSettings(schemes=("s3",), retries=0)
    assert not failure("S3://no-such-bucket/a.jpg", allowed).startswith("refused_scheme")


def test_a_scheme_in_capitals_is_checked_all_the_same() -> None:
    assert failure("HTTP://127.0.0.1/a.jpg", GUARDED).startswith("refused_address: ")


def test_bad_redirects_and_waits_are_failures_of_that_url(server: BadServer) -> None:
    assert failure(f"{server.url}/odd-redirect").startswith("bad_url: the redirect must be")
    waits = Waits()
    with pytest.raises(FetchError, match="status: 503"):
        fetcher(waits=waits).read(f"{server.url}/odd-wait", 1000)
    assert waits == [0.25, 0.5]


@pytest.mark.parametrize("url", ["http://a.org/\0.jpg", "http://a\0b/x.jpg", "http://a..b/x.jpg", "http://h:99999/"])
def test_odd_urls_fail_alone(url: str) -> None:
    assert failure(url).startswith(("bad_url", "connection"))


def test_a_password_is_sent_to_its_host_and_to_no_other(server: BadServer) -> None:
    port = server.server_address[1]
    server.logins.clear()
    for target in ("a.jpg", f"http://localhost:{port}/a.jpg"):
        assert fetcher().read(f"http://ann:p%40w@127.0.0.1:{port}/to/{target}", 1000) == b"picture"
    login = "Basic YW5uOnBAdw=="
    assert server.logins == [login, login, login, ""]


@pytest.mark.parametrize(
    "url", ["http://ann:SECRET@[::1/x.jpg?sig=SECRET", "http://ann:SECRET@127.0.0.1:1/x?sig=SECRET", "x://SECRET@h/"]
)
def test_errors_hold_no_secret(url: str) -> None:
    assert "SECRET" not in failure(url)


def test_a_name_in_the_other_normal_form_is_found(tmp_path: Path) -> None:
    (tmp_path / "cafe\u0301.jpg").write_bytes(b"x")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/b.jpg").write_bytes(b"y")
    assert fetcher().read(f"{tmp_path}/caf\u00e9.jpg", 10) == b"x"
    assert fetcher().read(f"{tmp_path}/sub\\b.jpg", 10) == b"y"
    assert failure("C:\\photos\\a.jpg") == "missing: no such file: a Windows path, write it as it is called here"
    assert failure("a\0b.jpg") == "missing: no file can have a NUL in its name"
