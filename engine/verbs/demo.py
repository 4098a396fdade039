"""`fld scenes` and `fld demo`: generated pictures, and a whole round over them that can be measured."""

from pathlib import Path

from engine.api import scenes as api
from engine.console.terminal import err, out, styled
from engine.report.quality import comparison
from engine.verbs import rounds
from engine.verbs.report import report
from shards.reader import Corpus
from stages.scenes.settings import SceneSettings

DEMO_SEED = 20_000  # no embedded checkpoint was trained on scenes of this seed

TASKS = '["<CAPTION>", "<OD>", "<CAPTION_TO_PHRASE_GROUNDING>"]'
TURN = [
    "loop.retrain.steps=60",
    "loop.retrain.learning_rate=0.00003",
    "loop.retrain.held_out=0.25",
    f"loop.retrain.tasks={TASKS}",
    f"loop.generalist.tasks={TASKS}",
    "loop.generalist.tiles={grid: 2}",
    'loop.gate.watched=["boxes", "texts/brief", "phrases"]',
]
"""A minute of training, and enough held-out images among so few for the gate to say something. Nobody but the model
itself writes long texts here: trained on its own, it got worse at them and the gate refused it. The rate is low: by day
there is nothing for it to learn (docs/experiments.md), and at 0.0002 the gate refused one of two models. It looks at
parts of every scene, too: without, the gate refused it for its boxes."""


def scenes(folder: str, count: int, seed: int, size: int, *, noisy: bool) -> None:
    """`fld scenes`."""
    written = api.scenes(folder, count, seed=seed, size=size, noisy=noisy)
    out.print(f"{folder}: {written.scenes:,} scenes, {written.objects:,} objects, {written.words:,} words; gold.jsonl")
    if written.noise is not None:
        out.print(f"noisy.jsonl: `fld ingest {folder}/noisy.jsonl CORPUS` reads it; noise.json has the error rates")


def demo(folder: str, count: int, assignments: list[str]) -> None:
    """`fld demo`: draw, annotate, filter, write, measure; then one turn of the loop, and measure again. assignments:
    settings that are otherwise than in the demo."""
    drawn, corpus = Path(folder) / "scenes", str(Path(folder) / "corpus")
    err.print(styled("bold", f"1. Draw {count} scenes with exact gold"), f" ({drawn})")
    scenes(str(drawn), count, DEMO_SEED, SceneSettings().size, noisy=False)
    err.print(styled("bold", "2. Annotate them with the embedded profile, filter, write round 0"), f" ({corpus})")
    rounds.run([str(drawn / "images")], corpus, None, assignments)
    err.print(styled("bold", "3. Train florence2-nano on round 0, judge it, let it annotate, write round 1"))
    learned = _turn(corpus, drawn / "gold.jsonl", assignments)
    err.print(styled("bold", "4. Measure the labels against the gold"), " (95% intervals)")
    out.print(comparison(api.demo_measures(corpus, drawn / "gold.jsonl")))
    err.print(styled("bold", "5. All of it on one page, beside FLD-5B"))
    report(corpus, None, 0 if learned else None, f"{folder}/report.html")
    _next_steps(folder, corpus, Corpus(corpus).round(0).keys()[0])


def _turn(corpus: str, gold: Path, assignments: list[str]) -> bool:
    """One round of the loop, short; False if the gate refused the model."""
    from engine.api.loop import RefusedError
    from engine.verbs.loop import loop

    try:
        loop(corpus, 1, "embedded:florence2-nano", str(gold), None, [*TURN, *assignments])
    except RefusedError as error:
        err.print(styled("yellow", str(error)), "so there is no round 1. That is what the gate is for.")
        return False
    return True


def _next_steps(folder: str, corpus: str, key: str) -> None:
    out.print(
        "\nThe tiny models of the embedded profile know these drawn scenes only; OCR (RapidOCR) is real."
        " --config open brings the others from the hub."
        "\nNext (fld is in .venv/bin):"
        f"\n  fld show {corpus} {key} --dropped     a record, its picture, and what was dropped and why"
        f"\n  fld filter {corpus} --dry-run --set filters.region.min_score=0.5"
        f"\n  fld eval {corpus} --gold {folder}/scenes/gold.jsonl   which annotator and which filter does what"
        f"\n  fld run YOUR_PHOTOS/ my-corpus             your own images"
        f"\n  tar tf {corpus}/rounds/00/shards/000000.tar | head   what is on disk ({folder}/)"
        f"\nLook at it: open {folder}/report.html in a browser, or browse every picture with  fld view {corpus}"
    )
