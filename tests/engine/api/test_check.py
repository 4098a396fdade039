"""`fld doctor` on classes of a user's own."""

from pathlib import Path

import pytest
import yaml

from engine.api.check import check_annotator, check_filter
from engine.config.config_text import ConfigError
from engine.verbs.doctor import doctor
from filters.custom import CustomFilter
from specialists.custom import CustomSettings
from stages.annotate.detector import ObjectsSettings

WRONG = "tests.engine.wrong_classes"


def detector(factory: str, **options: object) -> ObjectsSettings:
    specialist = CustomSettings.model_validate({"factory": factory, "options": options})
    return ObjectsSettings(specialist=specialist)


def own_filter(factory: str, on: str = "region", **options: object) -> CustomFilter:
    return CustomFilter.model_validate({"factory": factory, "on": on, "options": options})


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("pickle", "cannot be pickled to the workers, keep for load what cannot travel: "),
        ("facts", "fingerprint: two objects of equal options give "),
        ("load", "load: FileNotFoundError: no weights here"),
        ("verb", "on two pictures: KeyError: 'box'"),
        ("short", "on two pictures: gives 1 answers for 2 images"),
        (
            "outside",
            "on two pictures: image scene-7-000000: a box must be x0 y0 x1 y1 in pixels inside the image of 256",
        ),
        ("score", "on two pictures: image scene-7-000000: a score must be in [0, 1], got 1.5"),
        ("order", "on two pictures: the answers depend on the order of the images"),
        ("dtype", "on two pictures: ValueError: Detections.boxes must be float32 [1, 4], got float64 [1, 4]"),
        ("nothing", ""),
    ],
)
def test_what_is_wrong_with_a_detector(wrong: str, reason: str) -> None:
    found = check_annotator("mine", detector(f"{WRONG}:WrongDetector", wrong=wrong))
    assert found.startswith(reason) if reason else found == ""


def test_a_class_that_is_not_there() -> None:
    assert "cannot import nowhere" in check_annotator("mine", detector("nowhere:Nothing"))
    assert "it lacks ['load', 'close', 'detect']" in check_annotator(
        "mine", detector("tests.filters.own:NoWord", word="x")
    )


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("facts", "fingerprint: two objects of equal options give "),
        ("raises", "judge: CustomError: tests.engine.wrong_classes:WrongFilter: judge failed on image "),
        ("short", "judge: CustomError: tests.engine.wrong_classes:WrongFilter: judge must return a list of "),
        ("order", "judge: the verdicts depend on the other cases of the batch or on their order"),
        ("nothing", ""),
    ],
)
def test_what_is_wrong_with_a_filter(wrong: str, reason: str) -> None:
    found = check_filter(own_filter(f"{WRONG}:WrongFilter", wrong=wrong))
    assert found.startswith(reason) if reason else found == ""


@pytest.mark.parametrize("on", ["image", "text", "region", "ocr", "phrase"])
def test_a_good_filter_works_on_everything(on: str) -> None:
    assert check_filter(own_filter("tests.filters.own:NoWord", on, word="x")) == ""


def test_doctor_tries_the_examples_and_names_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    red = {"backend": "custom", "factory": "specialists.examples.red_things:RedThings"}
    small = {"factory": "filters.examples.small_things:SmallThings", "on": "region"}
    config = {"annotators": {"red": {"role": "detector", "specialist": red}}, "filters": {"custom": [small]}}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(config))
    doctor(str(path), [])
    said = " ".join(capsys.readouterr().out.split())
    assert "red detector custom yes" in said
    assert "filter on region: filters.examples.small_things:SmallThings: works" in said
    with pytest.raises(ConfigError, match=r"1 annotators or filters cannot work here: filters.examples.small_things"):
        doctor(str(path), ["filters.custom=[{factory: 'filters.examples.small_things:Nothing', on: region}]"])
