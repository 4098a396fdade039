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
from stages.scenes.settings import NoiseSettings, SceneSettings
from stages.scenes.write import WrittenScenes, write_scenes


def scenes(folder: Location, count: int = 500, *, seed: int = 7, size: int = 256, noisy: bool = False) -> WrittenScenes:
    """Draw scenes and their gold into a folder; size: side of a picture in pixels; noisy: also write given labels with
    known noise. Equal seeds give equal bytes. Raises ConfigError for a folder that holds other pictures."""
    try:
        return write_scenes(folder, count, seed, SceneSettings(size=size), NoiseSettings() if noisy else None)
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
    columns = {"before filters": measure(raw, truth)}
    return columns | {
        f"round {number}": measure(_kept(session.store, number), truth) for number in Corpus(session.store).rounds()
    }


def _kept(store: Store, number: int) -> list[Record]:
    round_ = Corpus(store).round(number)
    return [record for shard in round_.shards() for record in round_.records(shard)]
