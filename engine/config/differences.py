"""Which settings are not those of a profile: what somebody chose, in a few lines instead of some hundred.

    nearest(config)  ->  Differences("embedded", [Difference("filters.region.min_score", "0.5", "0.3")])

Compared is with every profile that is shipped; told is the one with the fewest differences.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from engine.config.config import PROFILES, Config, load_config

ABSENT = "(not there)"
_LONGEST = 200


class Difference(NamedTuple):
    """One setting, as text."""

    name: str
    here: str
    there: str


class Differences(NamedTuple):
    """From the nearest profile."""

    profile: str
    settings: list[Difference]


def nearest(config: Config) -> Differences:
    """The profile that a configuration is nearest to, and what is not as there."""
    names = sorted(path.stem for path in PROFILES.glob("*.yaml"))
    return min((Differences(name, compare(config, load_config(name))) for name in names), key=lambda d: len(d.settings))


def compare(here: Config, there: Config) -> list[Difference]:
    """The settings that are not equal, in the order of the first, then those that only the second has."""
    own, other = (dict(_leaves(each.model_dump(mode="json"), "")) for each in (here, there))
    return [
        Difference(name, own.get(name, ABSENT), other.get(name, ABSENT))
        for name in dict.fromkeys([*own, *other])
        if own.get(name, ABSENT) != other.get(name, ABSENT)
    ]


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for name, each in value.items():
            yield from _leaves(each, f"{path}.{name}" if path else str(name))
        return
    text = str(value)
    yield path, text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
