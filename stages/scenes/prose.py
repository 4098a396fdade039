"""Captions of a scene, with every noun phrase that names things tied to those things.

    "a small red fish swims above two large cups"   phrases: [0, 16] -> the fish, [29, 43] -> both cups

Written by rules from what can be seen, so that two captions of one picture cannot both be right. The main group comes
first: the one that covers most of the picture.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from shards.finding import Granularity, Span
from stages.scenes.kinds import PLURAL_VERBS
from stages.scenes.layout import Group
from stages.scenes.places import Setting

COUNTS = ("no", "a", "two", "three", "four", "five", "six", "seven", "eight")


@dataclass(frozen=True, eq=False)
class Mention:
    """What can be seen of a group. boxes: float64 [n, 4] of the visible parts, px. area: visible pixels of all
    members. depth: drawing order of the frontmost member. members: indices of the scene's objects."""

    group: Group
    boxes: NDArray[np.float64]
    area: float
    depth: int
    members: tuple[int, ...]

    @property
    def count(self) -> int:
        return len(self.members)

    @property
    def frame(self) -> tuple[float, float, float, float]:
        """The box around all members."""
        x0, y0 = self.boxes[:, :2].min(axis=0)
        x1, y1 = self.boxes[:, 2:].max(axis=0)
        return float(x0), float(y0), float(x1), float(y1)

    @property
    def centre(self) -> tuple[float, float]:
        """Mean of the members' box centres."""
        x, y = (self.boxes[:, :2] + self.boxes[:, 2:]).mean(axis=0) / 2
        return float(x), float(y)


@dataclass
class Prose:
    """A text being written. phrases: (span, members) of every noun phrase that names things."""

    text: str = ""
    phrases: list[tuple[Span, tuple[int, ...]]] = field(default_factory=list)

    def say(self, words: str) -> None:
        """Append words, with a space before them unless they start the text or are punctuation."""
        self.text += words if not self.text or words[0] in ".," else f" {words}"

    def name(self, phrase: str, members: tuple[int, ...]) -> None:
        """Append a noun phrase; capitalised at the start of a sentence."""
        self.say(phrase)
        self.phrases.append(((len(self.text) - len(phrase), len(self.text)), members))

    def start(self, phrase: str, members: tuple[int, ...]) -> None:
        """Append a noun phrase that opens a sentence."""
        self.name(phrase[0].upper() + phrase[1:], members)


@dataclass(frozen=True, eq=False)
class Story:
    """All that a caption may say: the place, the frame in pixels and the groups, main group first."""

    place: Setting
    width: int
    height: int
    mentions: list[Mention]


def write(story: Story, granularity: Granularity) -> Prose:
    """The caption of one granularity."""
    if granularity == "brief":
        return _brief(story)
    return _detailed(story) if granularity == "detailed" else _more_detailed(story)


def noun_phrase(group: Group, count: int, texture: bool = True) -> str:
    """ "a large striped red fish", "two small cups" """
    named = group.kind.name if count == 1 else group.kind.plural
    words = [group.size, group.texture if texture and group.texture != "plain" else "", group.colour, named]
    rest = " ".join(word for word in words if word)
    if count > 1:
        return f"{COUNTS[count]} {rest}"
    return f"{'an' if rest[0] in 'aeiou' else 'a'} {rest}"


def _short(mention: Mention, story: Story) -> str:
    """ "the fish", or "the red fish" when there is another group of fish."""
    same = sum(other.group.kind is mention.group.kind for other in story.mentions)
    named = mention.group.kind.name if mention.count == 1 else mention.group.kind.plural
    return f"the {mention.group.colour} {named}" if same > 1 else f"the {named}"


def _verb(mention: Mention) -> str:
    return mention.group.pose if mention.count == 1 else PLURAL_VERBS[mention.group.pose]


def _where(mention: Mention, place: Setting) -> str:
    """ "in the sea", "over a meadow" """
    return place.above if mention.group.zone == "air" and mention.group.pose != "hangs" else place.inside


def relation(subject: Mention, other: Mention) -> str:
    """How `subject` lies to `other`: front or behind when their frames overlap by half of the smaller one."""
    ax0, ay0, ax1, ay1 = subject.frame
    bx0, by0, bx1, by1 = other.frame
    wide, tall = min(ax1, bx1) - max(ax0, bx0), min(ay1, by1) - max(ay0, by0)
    smaller = min((ax1 - ax0) * (ay1 - ay0), (bx1 - bx0) * (by1 - by0))
    if wide > 0 and tall > 0 and wide * tall > 0.5 * smaller:
        return "in front of" if subject.depth > other.depth else "behind"
    dx, dy = (a - b for a, b in zip(subject.centre, other.centre, strict=True))
    if abs(dx) >= abs(dy):
        return "to the left of" if dx < 0 else "to the right of"
    return "above" if dy < 0 else "below"


def position(mention: Mention, story: Story) -> str:
    """ "at the top left", "on the right", "in the center": which ninth of the picture the centre lies in."""
    x, y = mention.centre
    row = ("top", "", "bottom")[min(2, int(3 * y / story.height))]
    column = ("left", "", "right")[min(2, int(3 * x / story.width))]
    if row:
        return f"at the {row} {column}".rstrip()
    return f"on the {column}" if column else "in the center"


def _brief(story: Story) -> Prose:
    prose = Prose()
    if not story.mentions:
        prose.say(story.place.empty)
        return prose
    main = story.mentions[0]
    prose.name(noun_phrase(main.group, main.count, texture=False), main.members)
    prose.say(_verb(main))
    if len(story.mentions) == 1:
        prose.say(_where(main, story.place))
        return prose
    other = story.mentions[1]
    prose.say(relation(main, other))
    prose.name(noun_phrase(other.group, other.count, texture=False), other.members)
    return prose


def _detailed(story: Story) -> Prose:
    prose = Prose("The image shows")
    if not story.mentions:
        prose.say(f"{story.place.long}.")
        return prose
    main = story.mentions[0]
    prose.name(noun_phrase(main.group, main.count), main.members)
    prose.say(f"{_where(main, story.place)}.")
    for other in story.mentions[1:]:
        prose.start(noun_phrase(other.group, other.count), other.members)
        prose.say(f"{_verb(other)} {relation(other, main)}")
        prose.name(_short(main, story), main.members)
        prose.say(".")
    return prose


def _more_detailed(story: Story) -> Prose:
    prose = Prose(f"The image shows {story.place.long}.")
    if not story.mentions:
        prose.say("There is nothing else in the picture.")
        return prose
    main = story.mentions[0]
    for index, mention in enumerate(story.mentions):
        prose.start(noun_phrase(mention.group, mention.count), mention.members)
        prose.say(_verb(mention))
        prose.say(position(mention, story))
        if index:
            prose.say(f", {relation(mention, main)}")
            prose.name(_short(main, story), main.members)
        prose.say(".")
        _extras(prose, mention, story)
    return prose


def _extras(prose: Prose, mention: Mention, story: Story) -> None:
    """What a sign says and where a thing looks, as sentences of their own."""
    if mention.group.lines:
        prose.start(_short(mention, story), mention.members)
        prose.say(f'reads "{" ".join(mention.group.lines)}".')
    elif mention.group.facing:
        pronoun, verb = ("It", "faces") if mention.count == 1 else ("They", "face")
        prose.say(f"{pronoun} {verb} {mention.group.facing}.")
