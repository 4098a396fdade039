"""Paths in settings that a corpus keeps: absolute, so that they hold from any folder and after the corpus moved.

    fld annotate corpus --set annotators.objects.specialist.weights=runs/best.pt
    corpus.yaml:  weights: /home/ann/project/runs/best.pt

Which settings are paths they say themselves (`shards.settings.OnDisk`). Only what is there counts as one: a hub id or
`embedded:NAME` stays. Fingerprints are of the content of files, so that a path in another form changes none.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from engine.config.config_text import ConfigError
from shards.settings import OnDisk, Settings, on_disk

_SettingsT = TypeVar("_SettingsT", bound=Settings)


def from_any_folder(config: _SettingsT, given: Sequence[str] | None) -> _SettingsT:
    """The settings with absolute paths where they name what is there. given: the settings that were given now, by path,
    None for all: those of a corpus are left as its owner wrote them."""

    def changed(path: str, value: str) -> str:
        if given is None or any(path == each or path.startswith(f"{each}.") for each in given):
            return absolute_if_there(value)
        return value

    found: _SettingsT = _rebuilt(config, "", changed)
    return found


def absolute_if_there(place: str | Path) -> str:
    """A file or folder that is there as an absolute path; anything else as it is."""
    path = Path(place).expanduser()
    return str(path.absolute()) if path.exists() else str(place)


def check_there(config: Settings, below: str) -> None:
    """Raise ConfigError, naming the setting, if a path that was kept in the settings `below` this one is gone."""
    for path, value in _paths(config, ""):
        if (path == below or path.startswith(f"{below}.")) and Path(value).is_absolute() and not Path(value).exists():
            raise ConfigError(f"{path}: {value} is not there any more: bring it back, or set {path} to another path")


def _rebuilt(value: Any, path: str, changed: Callable[[str, str], str]) -> Any:
    """A copy with every path passed through `changed`; what does not change stays the same object."""
    if isinstance(value, Settings):
        updates = {name: _field(value, name, f"{path}{name}", changed) for name in type(value).model_fields}
        updates = {name: below for name, below in updates.items() if below is not getattr(value, name)}
        return value.model_copy(update=updates) if updates else value
    if isinstance(value, Mapping):
        found = {name: _rebuilt(below, f"{path}{name}.", changed) for name, below in value.items()}
        return value if all(found[name] is value[name] for name in found) else found
    return value


def _field(settings: Settings, name: str, path: str, changed: Callable[[str, str], str]) -> Any:
    value = getattr(settings, name)
    if not _names_a_file(settings, name):
        return _rebuilt(value, f"{path}.", changed)
    new = changed(path, value)
    return value if new == value else new


def _paths(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """(path of the setting, what it names) of everything that may be a file."""
    if isinstance(value, Settings):
        for name in type(value).model_fields:
            below = getattr(value, name)
            if _names_a_file(value, name):
                yield f"{path}{name}", below
            else:
                yield from _paths(below, f"{path}{name}.")
    elif isinstance(value, Mapping):
        for name, below in value.items():
            yield from _paths(below, f"{path}{name}.")


def _names_a_file(settings: Settings, name: str) -> bool:
    marker: OnDisk | None = on_disk(type(settings).model_fields[name])
    if marker is None or not isinstance(getattr(settings, name), str):
        return False
    return not (marker.pinned and getattr(settings, marker.pinned, None))
