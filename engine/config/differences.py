"""Which settings are not those of a profile: what somebody chose, in a few lines instead of some hundred; and back.

    nearest(config)                              Differences("embedded", [Difference("filters.region.min_score", ...)])
    chosen(config, ("fuse", "filters"))          "not as in the profile embedded: filters.region.min_score=0.5 (0.3)"
    reset(config, ["filters.region.min_score"])  {"filters.region.min_score": 0.3}

Compared is with every profile that is shipped; told is the one with the fewest differences. With annotators of the
user's own, `chosen` and `reset` take the defaults of all other settings for one more profile.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from engine.config.config import PROFILES, Config, load_config
from engine.config.config_text import ConfigError

DEFAULTS = "the defaults"
_SHOWN = 4
ABSENT = "(not there)"
_LONGEST = 200


class Difference(NamedTuple):
    """One setting, as `--set` reads it: null, [a, b], true."""

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
    return min(
        (Differences(name, differing_settings(config, load_config(name))) for name in names),
        key=lambda d: len(d.settings),
    )


def chosen(config: Config, sections: Sequence[str]) -> str:
    """What differs in these sections from the profile that is in force, in a line; "" for nothing."""
    name, there = _in_force(config)
    differences = [
        difference for difference in differing_settings(config, there) if difference.name.partition(".")[0] in sections
    ]
    if not differences:
        return ""
    shown = ", ".join(
        f"{difference.name}={difference.here} ({difference.there})" for difference in differences[:_SHOWN]
    )
    more = f" and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
    return f"Not as in {name}: {shown}{more}"


def reset(config: Config, keys: Sequence[str]) -> dict[str, object]:
    """The values that settings, or whole sections, have in the profile that is in force. Raises ConfigError for a key
    that it does not have."""
    name, there = _in_force(config)
    reset_to: dict[str, object] = {}
    for key in keys:
        value: Any = there.model_dump(mode="json")
        for part in key.strip().split("."):
            if not isinstance(value, dict) or part not in value:
                above = key.rpartition(".")[0]
                advice = f": reset {above}" if above else ""
                raise ConfigError(f"reset {key}: no such setting in {name}{advice}")
            value = value[part]
        reset_to[key.strip()] = value
    return reset_to


def _in_force(config: Config) -> tuple[str, Config]:
    """The profile that the settings are nearest to, as it is called in a sentence."""
    known = {f"the profile {path.stem}": load_config(path.stem) for path in sorted(PROFILES.glob("*.yaml"))}
    known[DEFAULTS] = Config(annotators=config.annotators)
    return min(known.items(), key=lambda entry: len(differing_settings(config, entry[1])))


def differing_settings(here: Config, there: Config) -> list[Difference]:
    """The settings that are not equal, in the order of the first, then those that only the second has. Of an annotator
    that only the first has, its kind and what was chosen for it, not every default; of one that only the second has,
    its role."""
    own, other = _told(here, there), _without_absent(_told(there, here), here)
    return [
        Difference(name, own.get(name, ABSENT), other.get(name, ABSENT))
        for name in dict.fromkeys([*own, *other])
        if own.get(name, ABSENT) != other.get(name, ABSENT)
    ]


def _told(config: Config, other: Config) -> dict[str, str]:
    told = dict(_leaves(config.model_dump(mode="json"), ""))
    for name in config.annotators.keys() - other.annotators.keys():
        own, kind = f"annotators.{name}", (f"annotators.{name}.role", f"annotators.{name}.specialist.backend")
        chosen = dict(_leaves(config.annotators[name].model_dump(mode="json", exclude_defaults=True), own))
        told = {
            key: text for key, text in told.items() if not key.startswith(f"{own}.") or key in chosen or key in kind
        }
    return told


def _without_absent(told: dict[str, str], config: Config) -> dict[str, str]:
    """Of the annotators that a configuration does not have, the role alone."""
    return {
        key: text
        for key, text in told.items()
        if not key.startswith("annotators.") or key.split(".")[1] in config.annotators or key.endswith(".role")
    }


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else str(name))
        return
    text = _as_typed(value)
    yield path, text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _as_typed(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_as_typed, value))}]"
    return value if isinstance(value, str) else json.dumps(value)
