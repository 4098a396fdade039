"""The one configuration: where it comes from, and where it is kept.

    fld run photos/ corpus                            the corpus's own settings, or the embedded profile for a new one
    fld run photos/ corpus --config open              a profile: `engine/config/profiles/open.yaml`
    fld run photos/ corpus --config mine.yaml         a file (`fld config > mine.yaml` writes one to start from)
    fld run photos/ corpus --config paper             a profile that changes another one: `extends: open`
    fld filter corpus --set filters.region.min_score=0.4

Settings in force are kept in the corpus as `corpus.yaml`, resolved, with the versions that wrote it; a `--set` stays
until it is set again. A profile or file given with `--config` replaces them.
"""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import Field

from engine.config.config_text import ConfigError, override, parse, to_yaml, validate
from engine.config.loop_settings import LoopSettings
from engine.config.settings import EngineSettings
from filters.settings import FilterSettings
from shards.originals import RoundSettings
from shards.seal import broken, read_sealed, write_sealed
from shards.settings import Settings
from shards.store import Store
from stages.annotate.build import Annotator
from stages.fuse.settings import FuseSettings
from stages.ingest.settings import IngestSettings

PROFILES = Path(__file__).parent / "profiles"
DEFAULT_PROFILE = "embedded"
CORPUS_FILE = "corpus.yaml"
EXTENDS = "extends"
"""In a file or profile: the profile that it changes. Mappings are merged, anything else takes the place of what was."""
_ADVICE = (
    "restore it from a copy; or say with --config what the settings are: a file, a profile, or its own path if it is"
    " right"
)
RECORDED_PACKAGES = ("fld-engine", "torch", "transformers", "spacy", "ray", "rapidocr", "webdataset")


class Config(Settings):
    """Everything that decides what a corpus holds and how it is made."""

    ingest: IngestSettings = Field(IngestSettings(), description="which images come in, and how")
    annotators: dict[str, Annotator] = Field(description="the specialists by name; each name is a raw column")
    fuse: FuseSettings = Field(FuseSettings(), description="how several annotators' findings become one record")
    filters: FilterSettings = Field(FilterSettings(), description="what is kept; every drop is a row of the index")
    rounds: RoundSettings = Field(RoundSettings(), description="how a round is written")
    loop: LoopSettings = Field(LoopSettings(), description="fld loop: a model learns from a round and labels the next")
    engine: EngineSettings = Field(EngineSettings(), description="where it runs and what failures it tolerates")


def load(
    source: "Config | str | Path | None", assignments: Sequence[str] | Mapping[str, object], store: Store | None = None
) -> Config:
    """The settings of `source` (settings, a YAML file, or the name of a profile; None: those of the corpus in `store`,
    or the embedded profile) with `assignments` applied. Raises ConfigError, one line per mistake."""
    if isinstance(source, Config):
        return validate(Config, override(source.model_dump(), assignments), "config") if assignments else source
    data, origin = _read(None if source is None else str(source), store)
    if assignments:
        origin = f"{origin}, with the settings that were given one by one"
    return validate(Config, override(data, assignments), origin)


def load_config(
    source: "Config | str | Path | None" = None, settings: Sequence[str] | Mapping[str, object] = ()
) -> Config:
    """The settings of a YAML file or a profile (`embedded`, `open`, `paper`), with some changed:
    load_config("open", {"filters.region.min_score": 0.4})."""
    return load(source, settings)


def save(config: Config, store: Store) -> None:
    """Keep `config` as the corpus's own, if it is not already."""
    installed = ", ".join(f"{name} {version(name)}" for name in RECORDED_PACKAGES)
    text = f"# The settings in force in this corpus, defaults included. Written by {installed}.\n{to_yaml(config)}"
    data = text.encode()
    try:
        if store.read(CORPUS_FILE) == data and not broken(store, CORPUS_FILE, data):
            return
    except FileNotFoundError:
        pass
    write_sealed(store, CORPUS_FILE, data)


def _text(data: bytes, origin: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{origin} is not valid YAML: byte {error.start} is no UTF-8") from error


def _read(source: str | None, store: Store | None) -> tuple[dict[str, Any], str]:
    if source is None and store is not None:
        try:
            return parse(_text(read_sealed(store, CORPUS_FILE, _ADVICE), CORPUS_FILE), CORPUS_FILE), CORPUS_FILE
        except FileNotFoundError:
            pass
    source = DEFAULT_PROFILE if source is None else source
    profile = PROFILES / f"{source}.yaml"
    path = profile if "/" not in source and profile.is_file() else Path(source)
    try:
        return _extended(parse(_text(path.read_bytes(), source), source), source), source
    except (FileNotFoundError, IsADirectoryError) as error:
        raise ConfigError(f"config {source}: neither a file nor a profile ({', '.join(_profiles())})") from error


def _extended(data: dict[str, Any], source: str) -> dict[str, Any]:
    if EXTENDS not in data:
        return data
    base, rest = data[EXTENDS], {key: value for key, value in data.items() if key != EXTENDS}
    if base not in _profiles() or base == source:
        known = ", ".join(name for name in _profiles() if name != source)
        raise ConfigError(f"{source}: extends: must be the name of a profile ({known}), got {base!r}")
    return _merged(_read(base, None)[0], rest)


def _merged(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        key: _merged(below[key], value) if isinstance(value, dict) and isinstance(below.get(key), dict) else value
        for key, value in above.items()
    }
    return below | both


def _profiles() -> list[str]:
    return sorted(found.stem for found in PROFILES.glob("*.yaml"))
