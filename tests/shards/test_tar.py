import io
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import webdataset
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shards import tar

ODD_KEYS = [
    "dog", "a/b/c", "img.v2", "a.b/c.d", "a.b/", "/abs", "//abs", "a//b", "a/", "/", ".", "..", "../up", "a/./b",
    "a/../b.c", "", "%", "%41", "100%", "__a__", "__a", "_a", "a/__b__", "__", "Äpfel/größe", "日本語/写真", "e\u0301",
    "🐕", "a\nb", "tab\t", "\x00", "\x7f", "-rf", "a b ", " ", "x" * 94, "x" * 95, "x" * 96, "x" * 300, "d/" * 60 + "f",
    "d" * 155 + "/" + "f" * 96, "d" * 156 + "/f", "ü" * 80, "a" * 90 + "/" + "ü" * 48 + "/" + "b", "back\\slash",
    "{000..009}", "*?", "a\u0085b", "a\u2028b", "con", "A", "a",
]  # fmt: skip

keys = (
    st.text(st.characters(codec="utf-8"), max_size=30) | st.text("./_%a\n", max_size=12) | st.text("dé/", max_size=400)
)


def archive(keys: list[str]) -> tuple[bytes, list[tar.Placed]]:
    placed: list[tar.Placed] = []
    members = ((f"{tar.safe_key(key)}.{ext}", payload(key, ext)) for key in keys for ext in ("jpg", "json"))
    return b"".join(tar.stream(members, placed)), placed


def payload(key: str, ext: str) -> bytes:
    return f"{ext} of {key}".encode() * (len(key) % 40)


@given(keys)
@example("")
def test_escaping_is_reversible(key: str) -> None:
    assert tar.original_key(tar.safe_key(key)) == key


@given(st.lists(keys, unique=True, max_size=6))
@example(ODD_KEYS)
@settings(deadline=None)
def test_keys_and_payloads_survive_in_webdataset_and_tarfile(keys: list[str]) -> None:
    data, placed = archive(keys)
    members = list(webdataset.tariterators.tar_file_iterator(io.BytesIO(data)))
    samples = list(webdataset.tariterators.group_by_keys({**member, "__url__": ""} for member in members))
    assert [tar.original_key(sample["__key__"]) for sample in samples] == keys
    assert [(sample["jpg"], sample["json"]) for sample in samples] == [
        (payload(k, "jpg"), payload(k, "json")) for k in keys
    ]
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        assert [tar.Placed(info.name, info.offset_data, info.size) for info in opened] == placed
    assert list(tar.walk(data)) == placed


def test_gnu_tar_lists_and_extracts_every_member(tmp_path: Path) -> None:
    keys = [key for key in ODD_KEYS if max(map(len, tar.safe_key(key).encode().split(b"/"))) < 250]  # the disk's limit
    assert len(keys) > 45
    data, placed = archive(keys)
    (tmp_path / "a.tar").write_bytes(data)
    command = ["tar", "--quoting-style=literal", "-f", "a.tar"]
    listed = subprocess.run([*command, "-t"], cwd=tmp_path, capture_output=True, check=True)
    assert listed.stdout.decode().split("\n")[:-1] == [member.name for member in placed]
    assert listed.stderr == b""
    (tmp_path / "out").mkdir()
    extracted = subprocess.run([*command, "-x", "-C", "out"], cwd=tmp_path, capture_output=True, check=True)
    assert extracted.stderr == b""
    for key in keys:
        assert (tmp_path / "out" / f"{tar.safe_key(key)}.json").read_bytes() == payload(key, "json")


@pytest.mark.filterwarnings("ignore:Exception ignored in. <_io.FileIO")  # webdataset leaves the file open
@pytest.mark.filterwarnings("ignore:unclosed file <_io.BufferedReader:ResourceWarning")
def test_webdataset_reads_a_written_file_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "000000.tar").write_bytes(archive(["dog", "a/img.v2"])[0])
    dataset = webdataset.WebDataset(str(tmp_path / "000000.tar"), shardshuffle=False)
    assert [sample["__key__"] for sample in dataset] == ["dog", "a/img%2Ev2"]


def test_keys_stay_readable_where_they_can() -> None:
    assert tar.safe_key("photos/2024/dog 1") == "photos/2024/dog 1"
    assert tar.safe_key("日本/v1.2/犬") == "日本/v1.2/犬"
    assert tar.safe_key("img.v2") == "img%2Ev2"
    assert tar.safe_key("__a__") == "%5F_a__"
    assert tar.safe_key("/a/../b.c") == "%2Fa/%2E%2E/b%2Ec"


def test_a_key_that_is_not_unicode_is_refused() -> None:
    with pytest.raises(ValueError, match="key must be valid Unicode, got 'a\\\\udcff': rename the file"):
        tar.safe_key("a\udcff")


def test_a_name_given_twice_is_refused() -> None:
    with pytest.raises(tar.TarError, match=r"'dog\.jpg' is given twice"):
        archive(["dog", "cat", "dog"])


def test_members_carry_no_clock_no_owner_and_one_mode() -> None:
    data, _ = archive(["dog", "x" * 300])
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        facts = {(info.mtime, info.uid, info.gid, info.mode, info.uname) for info in opened}
    assert facts == {(0, 0, 0, 0o644, "")}
    assert archive(["dog", "x" * 300])[0] == data


def test_a_short_or_split_name_costs_one_block() -> None:
    assert len(tar.header("x" * 100, 0)) == 512
    assert len(tar.header("d" * 155 + "/" + "f" * 100, 0)) == 512
    assert len(tar.header("d" * 156 + "/" + "f" * 100, 0)) == 3 * 512


def test_the_length_of_a_pax_record_counts_its_own_digits() -> None:
    for length in range(80, 130):
        name = "x" * (length - len("99 path=\n"))
        data = b"".join(tar.stream([(name + "y" * 100, b"")], []))
        with tarfile.open(fileobj=io.BytesIO(data)) as opened:
            assert opened.getnames() == [name + "y" * 100]


@pytest.mark.parametrize("ext", ["", "JPG", "tar.gz", "json", "j/g", "jp g"])
def test_an_extension_that_a_reader_would_misread_is_refused(ext: str) -> None:
    with pytest.raises(ValueError, match="image 'dog': ext must be lower-case letters and digits and not 'json', got"):
        tar.check_extension(ext, "dog")


def test_a_member_over_8_gib_is_refused() -> None:
    with pytest.raises(tar.TarError, match=r"member 'a\.jpg' must be at most 8589934591 bytes, got 8589934592"):
        tar.header("a.jpg", 8 * 1024**3)


def test_an_empty_archive_is_two_blocks() -> None:
    data = b"".join(tar.stream(iter(()), []))
    assert data == bytes(1024)
    assert list(tar.walk(data)) == []


def damaged() -> Iterator[tuple[str, bytes, str]]:
    """(name, archive, expected error): damages that other readers pass over."""
    data, placed = archive(["first", "second" * 5, "x" * 200])
    second = placed[2].offset - 512
    yield "cut at a sample boundary", data[:second], "header at byte .* is cut off"
    yield "cut in a header", data[: second + 100], "header at byte .* is cut off"
    yield "header zeroed", data[:second] + bytes(512) + data[second + 512 :], "archive must end at byte"
    flipped = bytearray(data)
    flipped[second + 130] ^= 4  # in the size
    yield "bit flip in a header", bytes(flipped), "is damaged"
    yield "cut in a payload", data[: placed[2].offset + 10], "is cut off"
    yield "cut in a long name", data[: placed[4].offset - 700], "damaged|cut off"
    yield "no end", data[:-1024], "header at byte .* is cut off"
    yield "half an end", data[:-512], "archive must end at byte"
    yield "data after the end", data + b"x", "archive must end at byte"
    yield "empty", b"", "header at byte 0 is cut off"


@pytest.mark.parametrize(("data", "error"), [pytest.param(d, e, id=name) for name, d, e in damaged()])
def test_the_strict_reader_refuses_what_others_pass_over(data: bytes, error: str) -> None:
    with pytest.raises(tar.TarError, match=error):
        list(tar.walk(data))


@given(st.data())
@settings(deadline=None)
def test_any_flipped_header_bit_is_found(choose: st.DataObject) -> None:
    data, placed = archive(["first", "x" * 200])
    headers = [(placed[0].offset - 512, 512), (placed[2].offset - 3 * 512, 3 * 512), (len(data) - 1024, 1024)]
    start, size = choose.draw(st.sampled_from(headers))
    bit = choose.draw(st.integers(0, size * 8 - 1))
    bad = bytearray(data)
    bad[start + bit // 8] ^= 1 << bit % 8
    try:
        found = list(tar.walk(bytes(bad)))
    except tar.TarError:
        return
    assert found != placed, "a flip in the name of a PAX header gives another name, which the index does not have"
