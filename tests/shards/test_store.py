import os
import pickle
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import uuid4

import pytest

from shards.store import FsspecStore, LocalStore, Store, StoreError, open_corpus, open_store, remove_leftovers


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """A local S3 server."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["local", "memory", "file", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Every kind of store: "file" stands for fsspec file systems that do not publish uploads whole."""
    kind: str = request.param
    if kind == "local":
        return open_store(str(tmp_path / "corpus"))
    if kind == "memory":
        return open_store(f"memory://{uuid4().hex}/corpus")
    if kind == "file":
        return FsspecStore(f"file://{tmp_path}/corpus")
    return s3_store(request.getfixturevalue("s3_endpoint"))


def s3_store(endpoint: str) -> FsspecStore:
    bucket = f"bucket-{uuid4().hex}"
    options = {"key": "test", "secret": "test", "endpoint_url": endpoint, "client_kwargs": {"region_name": "eu-west-1"}}
    store = FsspecStore(f"s3://{bucket}/corpus", options)
    store._fs.mkdir(bucket)
    return store


def test_a_file_is_read_back_whole_and_by_range(store: Store) -> None:
    store.write("images/a.tar", [b"0123", b"", b"456789"])
    assert store.read("images/a.tar") == b"0123456789"
    assert store.read("images/a.tar", 3, 6) == b"345"
    assert store.read("images/a.tar", 8, 99) == b"89"
    assert store.read("images/a.tar", 4) == b"456789"
    assert store.read("images/a.tar", 0, 0) == b""


def test_a_read_beyond_the_end_is_empty(store: Store) -> None:
    store.write("a", [b"0123"])
    assert store.read("a", 4, 8) == b""
    assert store.read("a", 100, 108) == b""


def test_an_empty_file_can_be_written(store: Store) -> None:
    store.write("a/empty", [])
    assert store.read("a/empty") == b""
    assert store.names("a") == ["empty"]


def test_a_second_write_replaces_the_first(store: Store) -> None:
    store.write("a", [b"first, and longer"])
    store.write("a", [b"second"])
    assert store.read("a") == b"second"


@pytest.mark.parametrize("earlier", [None, b"as it was"])
def test_chunks_that_raise_publish_nothing(store: Store, earlier: bytes | None) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"x" * (2 << 20)
        raise RuntimeError("the model died")

    if earlier is not None:
        store.write("f/a", [earlier])
    with pytest.raises(RuntimeError, match="the model died"):
        store.write("f/a", chunks())
    assert store.names("f") == ([] if earlier is None else ["a"])
    assert store.walk() == ([] if earlier is None else ["f/a"])
    if earlier is not None:
        assert store.read("f/a") == earlier


def test_a_missing_file_is_not_found(store: Store) -> None:
    with pytest.raises(FileNotFoundError):
        store.read("nothing/here")
    with pytest.raises(FileNotFoundError):
        store.read("nothing/here", 3, 5)


def test_names_are_sorted_files_without_folders_and_parts(store: Store) -> None:
    assert store.names("f") == []
    for path in ("f/b", "f/a", "f/sub/c", "f/a.123.part", "g"):
        store.write(path, [b"."])
    assert store.names("f") == ["a", "b"]
    assert store.walk() == ["f/a", "f/a.123.part", "f/b", "f/sub/c", "g"]


def test_removing_is_final_and_a_missing_file_is_fine(store: Store) -> None:
    store.write("f/a", [b"."])
    store.remove("f/a")
    store.remove("f/a")
    assert store.names("f") == []
    with pytest.raises(FileNotFoundError):
        store.read("f/a")


def test_leftovers_of_killed_writers_are_removed(store: Store) -> None:
    store.write("images/a", [b"."])
    store.write("images/b.0123abcd.part", [b"torn"])
    store.write("Downloads/movie.0123abcd.part", [b"not ours"])
    assert remove_leftovers(store) == ["images/b.0123abcd.part"]
    assert store.walk() == ["Downloads/movie.0123abcd.part", "images/a"]


def test_a_store_can_be_pickled(store: Store) -> None:
    store.write("a", [b"data"])
    again: Store = pickle.loads(pickle.dumps(store))
    assert again.url == store.url
    assert again.read("a") == b"data"


def test_a_shard_larger_than_one_upload_part_arrives_whole_on_s3(s3_endpoint: str) -> None:
    store = s3_store(s3_endpoint)
    block = bytes(range(256)) * 4096
    store.write("big", (block for _ in range(60)))  # 60 MiB: more than one part
    assert store.read("big", 59 << 20) == block


def test_paths_and_file_urls_open_a_local_store(tmp_path: Path) -> None:
    for url in (str(tmp_path), f"file://{tmp_path}"):
        store = open_store(url)
        assert isinstance(store, LocalStore)
        assert store.url == str(tmp_path)


def test_who_reads_wants_a_folder_that_is_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nosuch: there is no such folder"):
        open_corpus(str(tmp_path / "nosuch"))
    assert open_store(str(tmp_path / "nosuch")).names("") == []
    (tmp_path / "list.txt").write_text("a.jpg")
    with pytest.raises(StoreError, match=r"list\.txt is a file, and a corpus is a folder"):
        open_store(str(tmp_path / "list.txt"))
    assert open_corpus(f"file://{tmp_path}").names("") == ["list.txt"]


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(StoreError, match="corpus nope://x: Protocol not known: nope"):
        open_store("nope://x")


@pytest.mark.parametrize(("url", "package", "extra"), [("s3://b/c", "s3fs", "s3"), ("gs://b/c", "gcsfs", "gs")])
def test_a_missing_package_is_named_with_the_extra_that_brings_it(url: str, package: str, extra: str) -> None:
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from shards.store import StoreError, open_store\n"
        f"try: open_store({url!r})\n"
        "except StoreError as error: sys.exit(str(error))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert f"corpus {url}: " in run.stderr
    assert f"pip install 'fld-engine[{extra}]'" in run.stderr


class ShortWriter:
    """A disk that takes 1000 bytes at a time, is interrupted before every third write, and is full at `limit`."""

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self.calls = 0
        self.written = 0

    def __call__(self, descriptor: int, chunks: Sequence[bytes | memoryview]) -> int:
        self.calls += 1
        if self.calls % 3 == 0:
            raise InterruptedError
        room = 1000 if self.limit is None else min(1000, self.limit - self.written)
        if room == 0:
            raise OSError(28, "No space left on device")
        count = os.write(descriptor, b"".join(chunks)[:room])
        self.written += count
        return count


def test_short_and_interrupted_writes_are_continued(tmp_path: Path) -> None:
    chunks = [os.urandom(size) for size in (512, 0, 100_000, 352, 1, 7_000)]
    writer = ShortWriter()
    LocalStore(tmp_path, writev=writer).write("a", chunks)
    assert writer.calls > 100
    assert (tmp_path / "a").read_bytes() == b"".join(chunks)


def test_a_full_disk_leaves_no_trace(tmp_path: Path) -> None:
    store = LocalStore(tmp_path, writev=ShortWriter(limit=2500))
    with pytest.raises(OSError, match="No space left"):
        store.write("f/a", [b"x" * 4000])
    assert store.walk() == []


def test_many_small_chunks_arrive_in_order(tmp_path: Path) -> None:
    chunks = [b"%d," % number for number in range(5000)]
    store = LocalStore(tmp_path)
    store.write("a", chunks)
    assert store.read("a") == b"".join(chunks)


def test_the_file_is_synced_before_its_rename_and_the_folders_after(tmp_path: Path) -> None:
    synced: list[tuple[str, list[str]]] = []

    def sync(descriptor: int) -> None:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        synced.append((Path(path).suffix or Path(path).name, LocalStore(tmp_path).names("x/y")))

    LocalStore(tmp_path, sync=sync).write("x/y/a.tar", [b"data"])
    assert synced == [(tmp_path.name, []), ("x", []), (".part", []), ("y", ["a.tar"])]


def test_a_link_that_cannot_take_its_place_leaves_nothing(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.write("a", [b"a"])
    (tmp_path / "b").mkdir()
    with pytest.raises(IsADirectoryError):
        store.link("a", "b")
    assert store.walk() == ["a"]
