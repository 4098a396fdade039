"""Generated pictures with exact gold, and what a demo over them measures.

scenes("scenes", 96).objects                         283
round_measures("corpus", "scenes/gold.jsonl", 0)     {"boxes/precision": Estimate(0.73, 0.68, 0.78), ...}
"""

from pathlib import Path

from engine.api.reports import Location
from engine.config.config_text import ConfigError
from engine.corpus.calibrations import gold_names, remove_calibration
from engine.corpus.session import look
from engine.report.quality import measure, records, unfiltered
from shards.reader import Corpus
from shards.record import encode, read_record_lines
from shards.store import open_store
from stages.evaluate.bootstrap import Estimate
from stages.evaluate.report import AREAS
from stages.held_out import is_held_out
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
    ConfigError for a folder that holds other pictures, and for a share of labels that nobody asked for."""
    if labelled != 1.0 and not noisy:
        raise ConfigError(
            f"labelled={labelled} is the share of pictures with noisy labels: ask for these, too (--noisy)"
        )
    try:
        noise = NoiseSettings(labelled=labelled) if noisy else None
        return write_scenes(folder, count, seed, SceneSettings(size=size, light=light), noise)
    except (ValueError, FileExistsError) as error:
        raise ConfigError(str(error)) from error
    except OSError as error:
        if error.filename is None:  # of a full disk the system names no file
            raise ConfigError(f"{folder} cannot be written: {error.strerror or error}") from error
        raise


def forget_calibrations(corpus: Location) -> None:
    """Those from gold of an earlier demo here, so that round 0 is again what it was before there was any."""
    store = open_store(str(corpus))
    for name in gold_names(store):
        remove_calibration(store, name)


def held_out_gold(corpus: Location, gold: Location, out: Path) -> int:
    """Write the gold of the pictures that no round trains on to `out`; how many they are."""
    session = look(str(corpus))
    share = session.config.loop.retrain.held_out
    keys = {row.key for _, row in Corpus(session.store).image_rows() if is_held_out(row.sha256, share)}
    records_there = [record for record in read_record_lines(gold) if record.key in keys]
    out.write_bytes(b"".join(encode(record) + b"\n" for record in records_there))
    return len(records_there)


def said_measures(corpus: Location, gold: Location) -> dict[str, Estimate]:
    """What annotators said, before any filter, against gold: measure -> estimate."""
    session = look(str(corpus))
    said = records(session.store, unfiltered(session.plan(0)), session.skipped())
    return measure(said, list(read_record_lines(gold)), list(AREAS))


def round_measures(corpus: Location, gold: Location, number: int) -> dict[str, Estimate]:
    """What a round kept of it, likewise."""
    round_ = Corpus(look(str(corpus)).store).round(number)
    kept = [record for shard in round_.shards() for record in round_.records(shard)]
    return measure(kept, list(read_record_lines(gold)), list(AREAS))
