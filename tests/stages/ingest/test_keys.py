import pytest

from shards.finding import Finding
from stages.ingest.entry import Entry, SourceError
from stages.ingest.keys import DuplicateKeyError, assign_keys, own_key
from stages.ingest.settings import IngestSettings


def entry(name: str, location: str = "", key: str = "", text: str = "") -> Entry:
    given = [Finding(kind="text", text=text)] if text else []
    return Entry(uri=name, location=location or f"/data/{name}", name=name, key=key, given=given)


def keys(*entries: Entry, **settings: str) -> list[str]:
    found, _ = assign_keys(entries, IngestSettings.model_validate(settings), {})
    return list(found)


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [("path", "2024/dog.v2"), ("stem", "dog.v2"), ("column", "own"), ("auto", "own")],
)
def test_policies(policy: str, wanted: str) -> None:
    assert keys(entry("2024/dog.v2.JPG", key="own"), key=policy) == [wanted]


def test_auto_without_an_own_key_is_the_path() -> None:
    assert keys(entry("2024/dog.png")) == ["2024/dog"]


def test_uri_hash_is_a_hash_of_the_uri() -> None:
    [key] = keys(entry("dog.jpg"), key="uri_hash")
    assert key == "dc8db6b13c0558081c44b48b27e724f4"


@pytest.mark.parametrize("name", ["README", "v1.2", ".jpg", "a/.jpg"])
def test_only_image_suffixes_are_cut_off(name: str) -> None:
    assert keys(entry(name)) == [name]


def test_column_policy_needs_a_column() -> None:
    with pytest.raises(SourceError, match=r"dog\.jpg has no key of its own: name a column with columns\.key"):
        own_key(entry("dog.jpg"), IngestSettings(key="column"))


def test_two_images_under_one_key_are_refused_and_listed() -> None:
    entries = [entry(f"{folder}/{stem}.jpg") for folder in "ab" for stem in "1234567"]
    with pytest.raises(DuplicateKeyError, match=r"7 keys .*\n  1: a/1\.jpg, b/1\.jpg\n(.*\n)*  and 2 more") as refused:
        assign_keys(entries, IngestSettings(key="stem"), {})
    assert refused.value.offenders["7"] == ["a/7.jpg", "b/7.jpg"]


def test_number_gives_the_later_ones_other_keys() -> None:
    settings = {"key": "stem", "duplicate_keys": "number"}
    assert keys(entry("a/1.jpg"), entry("b/1.jpg"), entry("b/1~2.jpg"), entry("c/1.jpg"), **settings) == [
        "1",
        "1~2",
        "1~2~2",
        "1~3",
    ]


def test_numbers_are_the_same_in_the_next_run_and_go_on_from_there() -> None:
    settings = IngestSettings(key="stem", duplicate_keys="number")
    first, _ = assign_keys([entry("a/1.jpg"), entry("b/1.jpg")], settings, {})
    taken = {key: found.place for key, found in first.items()}
    again, _ = assign_keys([entry("b/1.jpg"), entry("c/1.jpg"), entry("a/1.jpg")], settings, taken)
    assert {key: found.name for key, found in again.items()} == {"1~2": "b/1.jpg", "1~3": "c/1.jpg", "1": "a/1.jpg"}


def test_one_image_on_several_lines_is_one_image_with_all_its_texts() -> None:
    lines = [entry("dog.jpg", text="a dog"), entry("dog.jpg", text="a brown dog"), entry("dog.jpg", text="a dog")]
    found, repeated = assign_keys(lines, IngestSettings(), {})
    assert [finding.text for finding in found["dog"].given] == ["a dog", "a brown dog"]
    assert repeated == 2


def test_a_name_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(SourceError, match="must be valid Unicode"):
        keys(entry("caf\udce9.jpg"))
