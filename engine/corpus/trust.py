"""Which settings of a corpus may run code or send secrets: only those of this user.

    corpus.yaml: annotators.objects.specialist.factory: "logging.config:dictConfig"     from whoever made the corpus

A setting says of itself that it is a risk (`shards.settings.Danger`). It counts if it was given now (--config, --set),
if a profile of the project has it, or if this user gave it to this corpus before or said `fld trust CORPUS`: that is
remembered outside the corpus, by the corpus's place, the setting and its value. Anything else is refused, all in one
message, before any of it is imported. docs/security.md says what is never trusted.
"""

import hashlib
import json
import os
import secrets
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import NamedTuple

from engine.config.config import PROFILES, Config, load
from shards.errors import SettingsError
from shards.settings import Settings, danger_of
from shards.store import LocalStore, Store

_WEIGHTS = frozenset({"weights", "start"})
_IN_CORPUS = "loads weights that lie in the corpus"


class TrustError(SettingsError):
    """Settings of a corpus that would run code or send secrets, and that this user never gave it."""


class Risk(NamedTuple):
    """path: "annotators.objects.specialist.factory"; value: as JSON; why: what it can do."""

    path: str
    value: str
    why: str

    @property
    def digest(self) -> str:
        """What is remembered of it."""
        return hashlib.sha256(f"{self.path}={self.value}".encode()).hexdigest()[:16]


def risks(config: Config, store: Store) -> list[Risk]:
    """The settings in force that can run code or send secrets."""
    return [*_marked(config, ""), *_weights_inside(config, "", store)]


def check_trusted(
    store: Store, config: Config, own: Config | None, given: Iterable[str], runs: Sequence[str] | None
) -> None:
    """Raise TrustError if this command would run a risk that is not this user's, else remember what is.

    own: the corpus's own settings, None where they are not used; given: paths that --set names; runs: sections of the
    settings that are put to work, None for all."""
    corpus_risks = risks(config, store)
    foreign = [] if own is None else [risk for risk in risks(own, store) if risk in corpus_risks]
    foreign = [risk for risk in foreign if not any(_is_below(risk.path, path) for path in given)]
    known = {*_remembered(store), *_of_profiles(store)}
    refused = [risk for risk in foreign if risk.digest not in known]
    mine = [risk.digest for risk in corpus_risks if risk not in foreign]
    if new := [digest for digest in mine if digest not in known]:
        try:
            remember(store, new)
        except OSError as error:
            sys.stderr.write(
                f"{_file()}: {error.strerror}: the next command wants these settings with --config again\n"
            )
    if refused := [risk for risk in refused if runs is None or risk.path.partition(".")[0] in runs]:
        lines = "".join(f"\n  {risk.path} = {risk.value} {risk.why}" for risk in refused)
        raise TrustError(
            f"the settings of {store.url} can run code or send secrets, and did not come from you:{lines}\n"
            f"look at them, then `fld trust {quote(store.url)}`, or give settings of your own with --config or --set"
        )


def remember(store: Store, digests: Iterable[str]) -> None:
    """From now on these settings of this corpus are this user's. Raises OSError where nothing can be kept."""
    path = _file()
    everything = _read(path)
    everything[store.url] = sorted({*everything.get(store.url, []), *digests})
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part.write_text(json.dumps(everything, indent=1))
        os.replace(part, path)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def _marked(value: object, path: str) -> Iterator[Risk]:
    """The risks below `value`: fields that say so of themselves, and that are not as they are by default."""
    if isinstance(value, Settings):
        for name, field in type(value).model_fields.items():
            below = getattr(value, name)
            if (danger := danger_of(field)) is None:
                yield from _marked(below, f"{path}{name}.")
            elif below is not None and below != field.default:
                yield Risk(f"{path}{name}", json.dumps(below, sort_keys=True, default=str), danger.why)
    elif isinstance(value, Mapping):
        for name, below in value.items():
            yield from _marked(below, f"{path}{name}.")
    elif isinstance(value, list | tuple):
        for number, below in enumerate(value):
            yield from _marked(below, f"{path}{number}.")


def _weights_inside(value: object, path: str, store: Store) -> Iterator[Risk]:
    """Weights that whoever made the corpus put into it."""
    if isinstance(value, Settings):
        for name in type(value).model_fields:
            below = getattr(value, name)
            if name in _WEIGHTS and isinstance(below, str) and _is_inside(below, store):
                yield Risk(f"{path}{name}", json.dumps(below), _IN_CORPUS)
            else:
                yield from _weights_inside(below, f"{path}{name}.", store)
    elif isinstance(value, Mapping):
        for name, below in value.items():
            yield from _weights_inside(below, f"{path}{name}.", store)


def _is_inside(weights: str, store: Store) -> bool:
    if not isinstance(store, LocalStore) or ":" in weights:
        return False
    place = Path(weights).expanduser().resolve()
    return place.exists() and place.is_relative_to(Path(store.url).resolve())


def _is_below(path: str, given: str) -> bool:
    return path == given or path.startswith(f"{given}.") or given.startswith(f"{path}.")


def _of_profiles(store: Store) -> set[str]:
    return {risk.digest for profile in PROFILES.glob("*.yaml") for risk in risks(load(profile.stem, []), store)}


def _remembered(store: Store) -> list[str]:
    return _read(_file()).get(store.url, [])


def _file() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "fld-engine" / "trusted.json"


def _read(path: Path) -> dict[str, list[str]]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return {url: list(digests) for url, digests in content.items()} if isinstance(content, dict) else {}
