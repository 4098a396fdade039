"""`fld scenes` and `fld demo`: generated pictures, and a loop over them that can be measured."""

from pathlib import Path
from shlex import quote

from engine.api import scenes as api
from engine.config.config_text import ConfigError
from engine.console.terminal import err, out, styled
from engine.report.eval_report import improvement
from engine.verbs import calibrate, rounds
from engine.verbs.report import report
from shards.reader import Corpus
from stages.scenes.settings import Light, SceneSettings

DEMO_SEED = 20_000  # no embedded checkpoint was trained on scenes of this seed
ROUNDS = 2
LABELLED = 0.5

START = ["fuse.given=filter", "fuse.likelihood_ratio=0.9", "filters.region.min_score=null"]
"""Careless labels may lose against what models say, and captions of a captioner that never saw this light against those
of a model that learned it. The threshold is open again where an earlier run of the demo set it."""
TASKS = '["<CAPTION>", "<OD>", "<CAPTION_TO_PHRASE_GROUNDING>"]'
LOOP = [
    "loop.retrain.steps=100",
    "loop.retrain.learning_rate=0.0002",
    "loop.retrain.held_out=0.25",
    f"loop.retrain.tasks={TASKS}",
    f"loop.generalist.tasks={TASKS}",
    'loop.gate.watched=["boxes", "texts/brief", "phrases"]',
]
"""A minute of training each, and enough held-out images among so few for the gate to say something. Nobody but the
model itself writes long texts here, so none are learned. yolo-nano as a second learner (`loop.learners`) needs more
scenes than these: of 96 its second training made it worse, and the gate said so."""

CALIBRATED = ["filters.region.min_score=0.35"]
"""How probable a box must be, once scores are probabilities: half of the F1 to be reached is best (docs/loop.md)."""
SHOWN = (
    "boxes/precision", "boxes/recall", "boxes/f1", "boxes/map50", "captions/brief/cider", "captions/brief/exact",
    "phrases/precision", "phrases/coverage", "masks/iou", "words/f1",
)  # fmt: skip


def scenes(
    folder: str, count: int, seed: int, size: int, light: Light = "day", *, noisy: bool = False, labelled: float = 1.0
) -> None:
    """`fld scenes`."""
    written = api.scenes(folder, count, seed=seed, size=size, light=light, noisy=noisy, labelled=labelled)
    out.print(f"{folder}: {written.scenes:,} scenes, {written.objects:,} objects, {written.words:,} words; gold.jsonl")
    if written.noise is not None:
        out.print(f"noisy.jsonl: `fld ingest {folder}/noisy.jsonl CORPUS` reads it; noise.json has the error rates")


def demo(folder: str, count: int, assignments: list[str]) -> None:
    """`fld demo`: draw, annotate, filter, write; turns of the loop; what gold of a few is worth; measured after each.
    assignments: settings that are otherwise than in the demo."""
    drawn, corpus = Path(folder) / "scenes", str(Path(folder) / "corpus")
    err.print(
        styled("bold", f"1. Draw {count} scenes with exact gold, at dusk, as no model here knows them;"),
        f"careless people labelled half of them ({drawn})",
    )
    scenes(str(drawn), count, DEMO_SEED, SceneSettings().size, "dusk", noisy=True, labelled=LABELLED)
    err.print(styled("bold", "2. Annotate them with the embedded profile, filter, write round 0"), f" ({corpus})")
    api.forget_calibrations(corpus)
    rounds.run([str(drawn / "noisy.jsonl")], corpus, None, [*START, *assignments])
    gold = drawn / "gold.jsonl"
    measured = {"before filters": api.said_measures(corpus, gold), "round 0": api.round_measures(corpus, gold, 0)}
    err.print(styled("bold", f"3. Train florence2-nano on the labels, judge it, let it annotate: {ROUNDS} rounds"))
    learned = _loop(corpus, gold, assignments)
    if learned:
        measured[f"round {ROUNDS}"] = api.round_measures(corpus, gold, ROUNDS)
        if _calibrated(corpus, gold, Path(folder) / "held-out.jsonl", assignments):
            measured["calibrated"] = api.round_measures(corpus, gold, ROUNDS)
    err.print(styled("bold", "5. Measure the labels against all gold"), " (95% intervals; * beyond the paired one)")
    out.print(improvement(measured, SHOWN))
    err.print(styled("bold", "6. All of it on one page, beside FLD-5B"))
    report(corpus, None, 0 if learned else None, f"{folder}/report.html")
    _next_steps(folder, corpus, Corpus(corpus).round(0).keys()[0])


def _loop(corpus: str, gold: Path, assignments: list[str]) -> bool:
    """A short loop; False if the gate refused its first model."""
    from engine.api.loop import RefusedError
    from engine.verbs.loop import loop

    try:
        loop(corpus, ROUNDS, "embedded:florence2-nano", str(gold), None, [*LOOP, *assignments])
    except RefusedError as error:
        err.print(styled("yellow", str(error)), "so there is no round 1. That is what the gate is for.")
        return False
    return True


def _calibrated(corpus: str, gold: Path, few: Path, assignments: list[str]) -> bool:
    """The last round again, by what the gold of a few says scores are worth; False where these are too few."""
    count = api.held_out_gold(corpus, gold, few)
    err.print(styled("bold", f"4. Learn what scores are worth, from the gold of the {count} held-out scenes"))
    try:
        calibrate.run(corpus, str(few), ROUNDS, None, assignments, None)
    except ConfigError as error:
        err.print(styled("yellow", str(error)))
        return False
    rounds.refilter_round(corpus, ROUNDS, None, [*CALIBRATED, *assignments], dry_run=False)
    return True


def _next_steps(folder: str, corpus: str, key: str) -> None:
    folder, corpus = quote(folder), quote(corpus)
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
