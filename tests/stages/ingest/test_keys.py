from collections.abc import Iterable

import pytest

from shards.finding import Caption, Finding, text_of
from stages.ingest.entry import Entry, SourceError
from stages.ingest.keys import DuplicateKeyError, assign_keys
from stages.ingest.plan import IngestPlan, Planned
from stages.ingest.settings import IngestSettings


def entry(name: str, location: str = "", key: str = "", text: str = "") -> Entry:
    given: list[Finding] = [Caption(text)] if text else []
    return Entry(uri=name, location=location or f"/data/{name}", name=name, key=key, given=given)


def assigned(
    entries: Iterable[Entry], settings: IngestSettings | None = None, planned: Iterable[Entry] = ()
) -> tuple[dict[str, Entry], int]:
    """Key -> entry with its whole place. planned: what the corpus has, under its keys."""
    plan = IngestPlan(100)
    plan.add_part("000000", (Planned(0, entry) for entry in planned))
    listing, repeated = assign_keys(entries, settings or IngestSettings(), plan)
    return {entry.key: listing.placed(entry) for entry in listing}, repeated


def keys(*entries: Entry, **settings: str) -> list[str]:
    return list(assigned(entries, IngestSettings.model_validate(settings))[0])


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [("path", "2024/dog.v2"), ("stem", "dog.v2"), ("column", "own"), ("auto", "own")],
)
def test_policies(policy: str, wanted: str) -> None:
    assert keys(entry("2024/dog.v2.JPG", key="own"), key=policy) == [wanted]


def test_auto_without_an_own_key_is_the_path() -> None:
    assert keys(entry("2024/dog.png")) == ["2024/dog"]


def test_what_a_list_at_a_url_names_has_no_query_either() -> None:
    place = "https://a.org/l/b@c/d.jpg?token=SECRET"
    found, _ = assigned([entry("b@c/d.jpg?token=SECRET", place), entry("e?f.jpg")])
    assert {key: image.uri for key, image in found.items()} == {"b@c/d": "b@c/d.jpg", "e?f": "e?f.jpg"}


def test_uri_hash_is_a_hash_of_the_uri() -> None:
    [key] = keys(entry("dog.jpg"), key="uri_hash")
    assert key == "dc8db6b13c0558081c44b48b27e724f4"


@pytest.mark.parametrize("name", ["README", "v1.2", ".jpg", "a/.jpg"])
def test_only_image_suffixes_are_cut_off(name: str) -> None:
    assert keys(entry(name)) == [name]


def test_column_policy_needs_a_column() -> None:
    with pytest.raises(SourceError, match=r"no image has a key of its own: name a column with columns\.key"):
        keys(entry("dog.jpg"), entry("cat.jpg"), key="column")


def test_one_row_without_a_key_fails_alone() -> None:
    found, _ = assigned([entry("dog.jpg", key="7"), entry("cat.jpg")], IngestSettings(key="column"))
    assert {key: image.problem for key, image in found.items()} == {"7": "", "cat.jpg": "key: its key is empty"}


def test_two_images_under_one_key_are_refused_and_listed() -> None:
    entries = [entry(f"{folder}/{stem}.jpg") for folder in "ab" for stem in "1234567"]
    with pytest.raises(DuplicateKeyError, match=r"7 keys .*\n  1: a/1\.jpg, b/1\.jpg\n(.*\n)*  and 2 more") as refused:
        assigned(entries, IngestSettings(key="stem"))
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
    first, _ = assigned([entry("a/1.jpg"), entry("b/1.jpg")], settings)
    again, _ = assigned([entry("b/1.jpg"), entry("c/1.jpg"), entry("a/1.jpg")], settings, first.values())
    assert {key: found.uri for key, found in again.items()} == {"1~2": "b/1.jpg", "1~3": "c/1.jpg", "1": "a/1.jpg"}


def test_one_image_on_several_lines_is_one_image_with_all_its_texts() -> None:
    lines = [entry("dog.jpg", text="a dog"), entry("dog.jpg", text="a brown dog"), entry("dog.jpg", text="a dog")]
    found, repeated = assigned(lines)
    assert [text_of(finding) for finding in found["dog"].given] == ["a dog", "a brown dog"]
    assert repeated == 2


def test_a_name_or_text_that_is_no_unicode_fails_alone() -> None:
    lines = [
        entry("caf\udce9.jpg"), entry("a.jpg", text="caf\udce9"), entry("b.jpg", text="good"), entry("c\0d.jpg"),
        entry("e.jpg", text="two\0words"), entry("f.jpg", key="g\0h"),
    ]  # fmt: skip
    found, _ = assigned(lines)
    problem = "encoding: its name or text must be valid UTF-8 without NUL: rename the file or convert"
    assert {key: image.problem for key, image in found.items()} == {
        "caf\\udce9": problem, "a": problem, "b": "", "c\\x00d": problem, "e": problem, "g\\x00h": problem,
    }  # fmt: skip


def test_advice_is_about_rules_that_help() -> None:
    with pytest.raises(DuplicateKeyError, match=r"use ingest\.key=uri_hash or number them") as refused:
        keys(entry("dog.jpg"), entry("dog.png"))
    assert "key=path" not in str(refused.value)
    with pytest.raises(DuplicateKeyError, match=r"use ingest\.key=path or use ingest\.key=uri_hash or number"):
        keys(entry("a/1.jpg"), entry("b/1.jpg"), key="stem")
    with pytest.raises(DuplicateKeyError, match=r"keys are wanted by .*\n.*\nnumber them"):
        keys(entry("t.tar/1.jpg", "/t.tar"), entry("t.tar/1.jpg", "/u.tar"))


SIGNED = [
    Entry(uri=url, location=url, name="a.org/x.jpg")
    for url in ("https://ann:pw@a.org/x.jpg?size=1&token=T", "https://ann:pw@a.org/x.jpg?size=2&token=T")
]


def test_secrets_are_in_no_key_and_no_uri() -> None:
    [(key, found)] = assigned([SIGNED[0]])[0].items()
    assert (key, found.uri) == ("a.org/x", "https://a.org/x.jpg")
    assert found.location == SIGNED[0].location  # to fetch it
    [key] = keys(Entry(uri="a", location="/a", name="a", key="https://ann:pw@a.org/x.jpg?token=T"))
    assert key == "https://a.org/x.jpg"


def test_urls_that_only_secrets_tell_apart_are_never_merged() -> None:
    wanted = r"name the parameters that tell these URLs apart in ingest\.fetch\.keep_query"
    known = Entry("", "https://a.org/x.jpg", "", "a.org/x")
    for policy in ("refuse", "number"):
        with pytest.raises(DuplicateKeyError, match=wanted):
            assigned(SIGNED, IngestSettings(duplicate_keys=policy), [known])
    kept = IngestSettings.model_validate({"key": "uri_hash", "fetch": {"keep_query": ["size"]}})
    assert len(assigned(SIGNED, kept)[0]) == 2


def test_a_thousand_images_of_one_name_get_numbers_at_once() -> None:
    """Each looks for its number behind the last one, or this would be half a million questions."""
    found = keys(*(entry(f"{folder}/1.jpg") for folder in range(1000)), key="stem", duplicate_keys="number")
    assert found == ["1", *(f"1~{number}" for number in range(2, 1001))]


def test_an_image_that_has_the_key_of_its_number_by_another_name_is_that_image() -> None:
    same, other = entry("a.jpg", "/x/a.jpg", key="1~2"), entry("a.jpg", "/x/a.jpg", key="1")
    settings = {"duplicate_keys": "number"}
    first, third = entry("b.jpg", key="1"), entry("c.jpg", key="1")
    assert keys(first, same, third, other, **settings) == ["1", "1~2", "1~3"]


def test_an_error_about_many_offenders_names_the_first_and_counts_all() -> None:
    entries = [entry(f"{folder}/{stem}.jpg") for folder in range(300) for stem in range(2)]
    with pytest.raises(DuplicateKeyError, match="2 keys are wanted") as refused:
        keys(*entries, key="stem")
    assert [len(uris) for uris in refused.value.offenders.values()] == [100, 100]
