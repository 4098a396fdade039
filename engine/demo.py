"""`fld scenes` and `fld demo`: generated pictures, and a whole round over them that can be measured."""

from pathlib import Path

from engine import rounds
from engine.config_text import ConfigError
from engine.quality import comparison, measure, records, unfiltered
from engine.terminal import err, out
from shards.reader import Corpus
from stages.scenes.settings import NoiseSettings, SceneSettings
from stages.scenes.write import read_gold, write_scenes

DEMO_SEED = 20_000  # no embedded checkpoint was trained on scenes of this seed


def scenes(folder: str, count: int, seed: int, size: int, *, noisy: bool) -> None:
    """`fld scenes`."""
    try:
        settings = SceneSettings(size=size)
        written = write_scenes(folder, count, seed, settings, NoiseSettings() if noisy else None)
    except (ValueError, FileExistsError) as error:
        raise ConfigError(str(error)) from error
    out.print(f"{folder}: {written.scenes:,} scenes, {written.objects:,} objects, {written.words:,} words; gold.jsonl")
    if written.noise is not None:
        out.print(f"noisy.jsonl: `fld ingest {folder}/noisy.jsonl CORPUS` reads it; noise.json has the error rates")


def demo(folder: str, count: int) -> None:
    """`fld demo`: draw, annotate, filter, write, measure."""
    drawn, corpus = Path(folder) / "scenes", str(Path(folder) / "corpus")
    err.print(f"[bold]1. Draw {count} scenes with exact gold[/]  ({drawn})")
    scenes(str(drawn), count, DEMO_SEED, SceneSettings().size, noisy=False)
    err.print(f"[bold]2. Annotate them with the embedded profile, filter, write round 0[/]  ({corpus})")
    rounds.run([str(drawn / "images")], corpus, None, [])
    err.print("[bold]3. Measure the labels against the gold[/]  (95% intervals)")
    gold = read_gold(drawn / "gold.jsonl")
    session = rounds.look(corpus)
    raw = records(session.store, unfiltered(session.plan(0)), session.skipped())
    round_ = Corpus(session.store).round(0)
    kept = [record for shard in round_.shards() for record in round_.records(shard)]
    out.print(comparison({"before filters": measure(raw, gold), "kept": measure(kept, gold)}))
    _next_steps(folder, corpus, round_.keys()[0])


def _next_steps(folder: str, corpus: str, key: str) -> None:
    out.print(
        "\nThe embedded profile reads words (RapidOCR) and has no other specialist yet;"
        " --config open brings the rest from the hub.\nNext (fld is in .venv/bin):"
        f"\n  fld show {corpus} {key} --dropped     a record, its picture, and what was dropped and why"
        f"\n  fld filter {corpus} --dry-run --set filters.ocr.min_score=0.9"
        f"\n  fld run YOUR_PHOTOS/ my-corpus             your own images"
        f"\n  tar tf {corpus}/rounds/00/shards/000000.tar | head   what is on disk ({folder}/)"
    )
