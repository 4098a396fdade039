"""What somebody changed is told in a line, and can be undone by name."""

import pytest

from engine.config.config import Config, load_config
from engine.config.config_text import ConfigError
from engine.config.differences import chosen, nearest, reset

BOXES = "filters.region.min_score"


def test_what_was_set_is_told_with_what_the_profile_has() -> None:
    changed = load_config("embedded", {"filters.region.nms_iou": 0.4, "engine.backend": "local"})
    assert chosen(changed, ("filters",)) == "Not as in the profile embedded: filters.region.nms_iou=0.4 (0.5)"
    assert chosen(load_config("open"), ("fuse", "filters")) == ""


def test_a_value_is_told_as_it_can_be_typed() -> None:
    changed = load_config("embedded", {"loop.gate.watched": ["boxes", "phrases"], "loop.retrain.steps": 5})
    told = {name: (here, there) for name, here, there in nearest(changed).settings}
    assert told["loop.gate.watched"][0] == "[boxes, phrases]"
    assert told["loop.retrain.steps"] == ("5", "null")
    again = load_config("embedded", [f"{name}={here}" for name, (here, _) in told.items()])
    assert again == changed


def test_a_line_stays_a_line() -> None:
    many = {f"filters.region.labels.thing{i}": 0.1 * i for i in range(7)}
    assert chosen(load_config("open", many), ("filters",)).endswith(" and 4 more")


def test_settings_with_annotators_of_their_own_are_compared_with_the_defaults() -> None:
    annotators = {"words": load_config("open").annotators["words"]}
    own = Config(annotators=annotators)
    assert chosen(own, ("fuse", "filters")) == ""
    assert reset(own, [BOXES]) == {BOXES: own.filters.region.min_score}


def test_a_setting_and_a_section_get_the_profile_s_values_again() -> None:
    changed = load_config("embedded", {"filters.region.nms_iou": 0.4, "fuse.labels": []})
    assert reset(changed, ["filters.region.nms_iou"]) == {"filters.region.nms_iou": 0.5}
    back = load_config("embedded", reset(changed, ["filters", "fuse"]))
    assert back == load_config("embedded")


def test_what_the_profile_does_not_have_cannot_be_reset() -> None:
    changed = load_config("open", {"filters.region.labels.dog": 0.9})
    with pytest.raises(
        ConfigError, match=r"reset filters\.region\.labels\.dog: no such setting in the profile open: reset "
    ):
        reset(changed, ["filters.region.labels.dog"])


def test_of_an_annotator_that_the_profile_lacks_its_kind_and_what_was_chosen_is_told() -> None:
    reader = {"role": "reader", "specialist": {"backend": "rapidocr"}, "resources": {"batch_size": 2}}
    config = load_config("embedded", {"annotators.signs": reader})
    assert [(name, here) for name, here, _ in nearest(config).settings] == [
        ("annotators.signs.role", "reader"),
        ("annotators.signs.specialist.backend", "rapidocr"),
        ("annotators.signs.resources.batch_size", "2"),
    ]
