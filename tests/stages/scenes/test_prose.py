from typing import Literal

import numpy as np
import pytest

from stages.scenes.kinds import BY_NAME, KINDS, PLURAL_VERBS
from stages.scenes.layout import Group
from stages.scenes.places import PLACES
from stages.scenes.prose import Mention, Story, noun_phrase, position, relation, write

SEA = next(place for place in PLACES if place.name == "sea")


def mention(
    name: str,
    colour: str,
    boxes: list[tuple[int, int, int, int]],
    size: str = "",
    texture: Literal["plain", "striped", "spotted", "checkered"] = "plain",
    depth: int = 0,
    facing: str = "",
    lines: tuple[str, ...] = (),
    area: float = 1.0,
) -> Mention:
    kind = BY_NAME[name]
    group = Group(kind, colour, texture, size, *kind.poses[0], facing, lines)
    return Mention(group, np.array(boxes, dtype=float), area, depth, tuple(range(len(boxes))))


FISH = mention("fish", "red", [(40, 40, 80, 60)], facing="left")
CUPS = mention("cup", "white", [(40, 200, 60, 220), (70, 200, 90, 220)], size="small")
STORY = Story(SEA, 256, 256, [FISH, CUPS])


def test_the_sentence_of_the_design() -> None:
    assert write(STORY, "brief").text == "a red fish swims above two small white cups"


def test_longer_texts() -> None:
    assert write(STORY, "detailed").text == (
        "The image shows a red fish in the sea. Two small white cups stand below the fish."
    )
    assert write(STORY, "more_detailed").text == (
        "The image shows the blue sea with a sandy floor. A red fish swims at the top left. It faces left."
        " Two small white cups stand at the bottom left, below the fish."
    )


def test_phrases_point_at_all_members() -> None:
    prose = write(STORY, "detailed")

    said = [(prose.text[start:end], members) for (start, end), members in prose.phrases]

    assert said == [("a red fish", (0,)), ("Two small white cups", (0, 1)), ("the fish", (0,))]


def test_two_groups_of_one_kind_are_told_apart_by_colour() -> None:
    other = mention("fish", "blue", [(200, 40, 240, 60)])

    assert write(Story(SEA, 256, 256, [FISH, other]), "detailed").text.endswith(
        "A blue fish swims to the right of the red fish."
    )


def test_a_sign_is_read_out() -> None:
    sign = mention("sign", "white", [(40, 40, 80, 60)], lines=("FRESH", "FISH"))

    assert 'The sign reads "FRESH FISH".' in write(Story(SEA, 256, 256, [sign]), "more_detailed").text


def test_an_empty_scene_has_texts_without_phrases() -> None:
    for granularity in ("brief", "detailed", "more_detailed"):
        prose = write(Story(SEA, 256, 256, []), granularity)
        assert prose.text
        assert prose.phrases == []


@pytest.mark.parametrize(
    ("box", "depth", "expected"),
    [
        ((100, 0, 140, 40), 0, "above"),
        ((100, 200, 140, 240), 0, "below"),
        ((0, 110, 40, 150), 0, "to the left of"),
        ((200, 110, 240, 150), 0, "to the right of"),
        ((105, 105, 145, 145), 2, "in front of"),
        ((105, 105, 145, 145), 0, "behind"),
    ],
)
def test_relation(box: tuple[int, int, int, int], depth: int, expected: str) -> None:
    assert (
        relation(mention("cup", "red", [box], depth=depth), mention("fish", "red", [(100, 100, 140, 140)], depth=1))
        == expected
    )


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0, 0, 10, 10), "at the top left"),
        ((120, 240, 130, 250), "at the bottom"),
        ((250, 120, 256, 130), "on the right"),
        ((120, 120, 130, 130), "in the center"),
    ],
)
def test_position(box: tuple[int, int, int, int], expected: str) -> None:
    assert position(mention("cup", "red", [box]), STORY) == expected


def test_articles_and_plurals() -> None:
    group = mention("butterfly", "orange", [(0, 0, 1, 1)], texture="striped", size="large").group

    assert noun_phrase(group, 1) == "a large striped orange butterfly"
    assert noun_phrase(group, 3, texture=False) == "three large orange butterflies"
    assert noun_phrase(mention("cup", "orange", [(0, 0, 1, 1)]).group, 1) == "an orange cup"


def test_every_pose_has_a_plural_verb() -> None:
    assert {pose for kind in KINDS for pose, _ in kind.poses} <= set(PLURAL_VERBS)
