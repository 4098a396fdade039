import hashlib
from pathlib import Path

import pytest

from shards.errors import SettingsError
from shards.finding import Detection
from shards.images import ImageRow
from stages.annotate.subset import SubsetSettings, read_subset


def row(number: int, **facts: object) -> ImageRow:
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    return ImageRow(f"k{number}", f"photos/{number}.jpg", sha256=digest, **facts)  # type: ignore[arg-type]


def chosen(settings: SubsetSettings, count: int = 2000) -> set[int]:
    subset = read_subset(settings)
    assert subset is not None
    return {number for number in range(count) if subset.has(row(number))}


def test_a_share_is_that_share_and_grows_from_within() -> None:
    small, large = chosen(SubsetSettings(share=0.05)), chosen(SubsetSettings(share=0.1))
    assert small < large
    assert len(small) == pytest.approx(100, abs=25)
    assert len(large) == pytest.approx(200, abs=35)
    assert chosen(SubsetSettings(share=0.05, seed=2)) != small
    assert chosen(SubsetSettings()) == set(range(2000))


def test_keys_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "keys.txt").write_text("k3\n\n k5 \nnobody\n")
    assert chosen(SubsetSettings(keys=str(tmp_path / "keys.txt"))) == {3, 5}
    with pytest.raises(SettingsError, match=r"subset\.keys: .*nowhere\.txt must be a file with keys"):
        read_subset(SubsetSettings(keys=str(tmp_path / "nowhere.txt")))


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("key=k1*", True), ("key=k2*", False), ("uri=*.jpg", True), ("uri=*.png", False),
        ("width>=640", True), ("width<640", False), ("width>=640 height<480", False), ("given=dog", True),
        ("given=cat", False),
    ],
)  # fmt: skip
def test_all_terms_of_a_query_must_hold(query: str, fits: bool) -> None:
    subset = read_subset(SubsetSettings(query=query))
    assert subset is not None
    assert subset.has(row(17, width=640, height=480, given=[Detection("dog", box=(0, 0, 9, 9))])) is fits


@pytest.mark.parametrize("query", ["dog", "width=640", "key>=5", "width>=wide", "size>=3"])
def test_a_query_that_says_nothing_is_refused(query: str) -> None:
    with pytest.raises(ValueError, match="query must be of terms like key=street"):
        SubsetSettings(query=query)


def test_another_subset_has_another_identity(tmp_path: Path) -> None:
    (tmp_path / "keys.txt").write_text("k3\n")
    wanted = [{}, {"share": 0.1}, {"share": 0.1, "seed": 2}, {"query": "key=a"}, {"keys": str(tmp_path / "keys.txt")}]
    found = {subset.identity for each in wanted if (subset := read_subset(SubsetSettings.model_validate(each)))}
    assert len(found) == 5
    assert read_subset(None) is None
