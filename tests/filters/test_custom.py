from pathlib import Path

import pytest
from pydantic import ValidationError

from filters.custom import Case, CustomError, CustomFilter, custom_facts, judge_cases
from filters.examples.small_things import SmallThings
from filters.settings import FilterSettings
from filters.verdict import KEPT, dropped
from shards.factory import FactoryError
from shards.record import Candidate, Record, Region, Source, Text

SOURCE = Source("yolo", "f", 0, 0.9, "yolo/0")


def own(name: str = "NoWord", on: str = "text", **options: object) -> CustomFilter:
    return CustomFilter.model_validate({"factory": f"tests.filters.own:{name}", "on": on, "options": options})


def case(text: str = "a dog", key: str = "k") -> Case:
    return Case(Record(key, "u", "", 100, 100, 0), Text("t0", "brief", text, SOURCE))


def test_one_verdict_per_case_in_order() -> None:
    assert judge_cases(own(word="a cat"), [case("a dog"), case("a cat")]) == [KEPT, dropped("no_word", 1.0, 0.0)]
    assert judge_cases(own("Broken", answer="short"), []) == []


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("short", "judge must return a list of 1 verdicts, one each, got 0"),
        ("none", "judge must return a list of 1 verdicts, one each, got NoneType"),
        ("bool", r"judge must return filters.verdict.Verdict, got True"),
        ("ours", r"rule 'region.score' sounds like one of this project's"),
        ("unnamed", "a dropped verdict names its rule, a kept one none"),
    ],
)
def test_an_answer_that_is_none_is_refused(answer: str, message: str) -> None:
    with pytest.raises(CustomError, match=message):
        judge_cases(own("Broken", answer=answer), [case()])


def test_a_filter_that_is_not_there_or_lacks_a_method() -> None:
    with pytest.raises(FactoryError, match="has no callable 'Nothing'"):
        judge_cases(own("Nothing"), [case()])
    with pytest.raises(FactoryError, match=r"must have judge, fingerprint; it lacks \['judge'\]"):
        judge_cases(CustomFilter(factory="tests.specialists.fakes:ColourDetector", on="text"), [case()])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"when": "judge", "word": "a cat"}, CustomError,
         r"own:Raises: judge failed on image 'c': ZeroDivisionError: division by zero \(/.*own\.py, line \d+\)"),
        ({"when": "many"}, CustomError, r"judge failed on 3 cases together: ValueError: one at a time \(.*alone, and"),
        ({"when": "built"}, FactoryError, r"with the options \{'when': 'built'\}: KeyError: 'side' \(/.*own\.py"),
    ],
)  # fmt: skip
def test_what_it_raises_names_filter_image_file_and_line(
    options: dict[str, str], error: type[Exception], message: str
) -> None:
    cases = [case("a dog", "a"), case("a bird", "b"), case("a cat", "c")]
    with pytest.raises(error, match=message):
        judge_cases(own("Raises", **options), cases)


def test_a_module_that_cannot_be_imported_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "half_written.py").write_text("import json\n\nclass Rule(\n")
    (tmp_path / "wants_a_file.py").write_text("import json\njson.loads('{')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(FactoryError, match=r"half_written failed: SyntaxError: .*\(half_written\.py, line 3\)"):
        custom_facts([CustomFilter(factory="half_written:Rule", on="text")])
    with pytest.raises(FactoryError, match=r"wants_a_file failed: JSONDecodeError: .*wants_a_file\.py, line 2\)"):
        custom_facts([CustomFilter(factory="wants_a_file:Rule", on="text")])
    with pytest.raises(CustomError, match=r"own:Raises: fingerprint failed: OSError: no such table \(/.*own\.py, line"):
        custom_facts([own("Raises", when="facts")])


def test_facts_are_of_the_settings_and_of_the_filter_itself() -> None:
    first, second = custom_facts([own(word="a")]), custom_facts([own(word="a", version=2)])
    assert first[0]["fingerprint"] == {"version": 1}
    assert second[0]["fingerprint"] == {"version": 2}
    with pytest.raises(CustomError, match=r"fingerprint must be a dict of names to plain values, got \{'object'"):
        custom_facts([own("Broken", facts=True)])
    assert "custom" not in FilterSettings().facts()
    assert FilterSettings(custom=[own(word="a")]).facts()["custom"] == first


def test_what_it_judges_is_one_of_five() -> None:
    with pytest.raises(ValidationError, match="Input should be 'image', 'text', 'region', 'ocr' or 'phrase'"):
        own(on="mask")


def test_the_example_drops_small_objects_of_full_pictures_only() -> None:
    def region(side: float) -> Region:
        return Region("r0", "object", (0, 0, side, side), 0.9, [Candidate("phrase", "dog", None, SOURCE)], 0, [])

    full = Record("k", "u", "", 100, 100, 0, regions=[region(5), *[region(50)] * 5])
    few = Record("k", "u", "", 100, 100, 0, regions=[region(5)])
    judge = SmallThings({}).judge
    assert judge([Case(full, each) for each in full.regions]) == [dropped("small_thing", 0.0025, 0.01), *[KEPT] * 5]
    assert judge([Case(few, each) for each in few.regions]) == [KEPT]
