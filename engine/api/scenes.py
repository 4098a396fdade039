"""Generated pictures with exact gold, and what a demo over them measures.

scenes("scenes", 96).objects                      283
demo_measures("corpus", "scenes/gold.jsonl")      {"before filters": {...}, "round 0": {...}, "round 1": {...}}
"""

from engine.api.reports import Location
from engine.config.config_text import ConfigError
from engine.corpus.session import look
from engine.report.quality import measure, records, unfiltered
from shards.reader import Corpus
from shards.record import Record, read_record_lines
from shards.store import Store
from stages.evaluate.bootstrap import Estimate
from stages.evaluate.report import AREAS
from stages.scenes.settings import Light, NoiseSettings, SceneSettings
from stages.scenes.write import WrittenScenes, write_scenes


def scenes(
    folder: Location,
    count: int = 500,
    *,
    seed: int = 7,
    size: int = 256,
    light: Light = "day",
    noisy: bool = False,
    labelled: float = 1.0,
) -> WrittenScenes:
    """Draw scenes and their gold into a folder; size: side of a picture in pixels; light: "day" or "dusk"; noisy: also
    write labels with known noise, for the share `labelled` of the pictures. Equal seeds give equal bytes. Raises
    ConfigError for a folder that holds other pictures."""
    try:
        noise = NoiseSettings(labelled=labelled) if noisy else None
        return write_scenes(folder, count, seed, SceneSettings(size=size, light=light), noise)
    except (ValueError, FileExistsError) as error:
        raise ConfigError(str(error)) from error
    except OSError as error:
        if error.filename is None:  # of a full disk the system names no file
            raise ConfigError(f"{folder} cannot be written: {error.strerror or error}") from error
        raise


def demo_measures(corpus: Location, gold: Location) -> dict[str, dict[str, Estimate]]:
    """What annotators said, and what each round kept of it, against gold: column -> measure -> estimate."""
    session = look(str(corpus))
    truth = list(read_record_lines(gold))
    raw = records(session.store, unfiltered(session.plan(0)), session.skipped())
    columns = {"before filters": raw} | {
        f"round {number}": _kept(session.store, number) for number in Corpus(session.store).rounds()
    }
    return {name: measure(found, truth, list(AREAS)) for name, found in columns.items()}


def _kept(store: Store, number: int) -> list[Record]:
    round_ = Corpus(store).round(number)
    return [record for shard in round_.shards() for record in round_.records(shard)]
