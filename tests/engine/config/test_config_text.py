from typing import Annotated, Literal

import pytest
from pydantic import Field

from engine.config.config_text import ConfigError, override, parse, to_yaml, validate
from shards.settings import Settings


class Cat(Settings):
    animal: Literal["cat"] = "cat"
    lives: int = Field(9, ge=1, description="how often it lands on its feet")


class Dog(Settings):
    animal: Literal["dog"] = "dog"
    tricks: list[str] = Field([], description="what it can do")


class Zoo(Settings):
    name: str = Field("zoo", description="over the gate")
    pets: dict[str, Annotated[Cat | Dog, Field(discriminator="animal")]] = Field({}, description="by name")
    first: Cat | None = Field(None, description="the oldest")


def test_override_sets_nested_values_read_as_yaml_and_leaves_the_original_alone() -> None:
    data = {"pets": {"tom": {"animal": "cat"}}}
    changed = override(data, ["pets.tom.lives=3", "name=null", "pets.rex={animal: dog, tricks: [sit]}"])
    assert changed == {
        "pets": {"tom": {"animal": "cat", "lives": 3}, "rex": {"animal": "dog", "tricks": ["sit"]}},
        "name": None,
    }
    assert data == {"pets": {"tom": {"animal": "cat"}}}


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("name", "a setting is KEY=VALUE .* got 'name'"),
        ("name.x=1", "^name.x=1: name is a value, not a section"),
        ("sizes=[1", r"^sizes=\[1: the value is not valid YAML: expected ',' or '\]', but got '<stream end>'"),
    ],
)
def test_override_refuses_what_is_not_an_assignment(assignment: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        override({"name": "here"}, [assignment])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"nam": "x"}, r"f.yaml:\n  nam: unknown key, did you mean 'name'\? \(one of: first, name, pets\)"),
        ({"pets": {"tom": {"animal": "cat", "live": 2}}}, r"pets\.tom\.live: unknown key, did you mean 'lives'\?"),
        ({"pets": {"tom": {"animal": "cat", "lives": 0}}}, r"pets\.tom\.lives: input should be .* got 0"),
        ({"pets": {"tom": {"animal": "cow"}}}, r"pets\.tom\.animal: must be one of cat, dog, got 'cow'$"),
        (
            {"pets": {"tom": {"animal": "catt"}}},
            r"pets\.tom\.animal: must be one of cat, dog, got 'catt': did .* 'cat'\?",
        ),
        ({"pets": {"tom": {"lives": 3}}}, r"pets\.tom\.animal: field required$"),
        ({"pets": {"tom": 3}}, r"pets\.tom: must be a section, of names with their values, got 3$"),
        ({"pets": ["tom"]}, r"pets: must be a section, of names with their values, got \['tom'\]$"),
        ({"first": "tom"}, r"first: must be a section, of names with their values, got 'tom'$"),
        ({"first": {"lifes": 1}}, r"first\.lifes: unknown key, did you mean 'lives'\?"),
    ],
)
def test_a_mistake_is_named_by_its_path_with_what_was_wanted_and_got(data: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        validate(Zoo, data, "f.yaml")


def test_every_mistake_is_reported_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        validate(Zoo, {"nam": 1, "pets": {"tom": {"animal": "cat", "lives": -1}}}, "f.yaml")
    assert len(str(caught.value).splitlines()) == 3


def test_rendered_settings_carry_comments_and_read_back_equal() -> None:
    zoo = Zoo(pets={"tom": Cat(lives=3), "rex": Dog(tricks=["sit", "roll over"])})
    text = to_yaml(zoo)
    assert "lives: 3  # how often it lands on its feet" in text
    assert validate(Zoo, parse(text, "rendered"), "rendered") == zoo


def test_yaml_that_is_not_a_mapping_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"c\.yaml must hold a mapping of settings, got list"):
        parse("- a", "c.yaml")
    with pytest.raises(ConfigError, match=r"c\.yaml is not valid YAML"):
        parse("a: [", "c.yaml")
    assert parse("", "c.yaml") == {}


def test_on_is_a_name_and_no_a_label_as_in_yaml_1_2() -> None:
    assert parse("on: region\nlabels: [no, yes]\nflag: true", "x") == {
        "on": "region",
        "labels": ["no", "yes"],
        "flag": True,
    }
    assert override({}, ["a={on: image}", "b=off", "c=false"]) == {"a": {"on": "image"}, "b": "off", "c": False}
