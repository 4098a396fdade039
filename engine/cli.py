"""The `fld` command. Each verb reads its options here and does its work in one call to the module it imports.

    fld run photos/ corpus          ingest, annotate, filter and write a round
    fld filter corpus --set ...     move a threshold: no model runs
    fld show corpus KEY             look at one record
    fld view corpus                 look at all of them, in the browser

Imports happen inside the verbs, so that `fld --help` answers at once. Exit codes: `engine/console/exit_codes.py`.
"""

import sys
from typing import Annotated, Literal

import typer

from engine.console.exit_codes import run_to_its_code
from engine.console.options import (
    AcceptRestOption,
    Checkpoint,
    ConfigOption,
    CorpusArgument,
    CorrectionsArgument,
    DebugOption,
    DiagramOption,
    DroppedOption,
    FigureOption,
    FirstRoundOption,
    FormatOption,
    GoldOption,
    HeldOutOption,
    ImagesArgument,
    LastRoundOption,
    LearnedFromCorpusOption,
    LearnedFromTextsOption,
    LoopGoldOption,
    MaybeGoldOption,
    MeasuresOption,
    OrdinalOption,
    PartOption,
    PictureOption,
    PlanArgument,
    PlanGpusOption,
    PlanHoursOption,
    PlanImagesOption,
    PlanSampleOption,
    PlanSecondsOption,
    PlanWriteOption,
    ReportRoundOption,
    ResetOption,
    RetryOption,
    ReviewRoundOption,
    RoundOption,
    SampleOption,
    SetOption,
    StartOption,
    StudentOption,
    SuspectsOption,
    TakenTokenizerOption,
    ValShareOption,
    WhereOption,
)

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # importing rich to draw the help takes longer than the rest of it
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Build an FLD-5B-style vision corpus: annotate images with specialists, filter, write shards, retrain.",
)


@app.callback()
def _options(context: typer.Context, debug: DebugOption = False) -> None:
    context.obj = debug


@app.command()
def run(images: ImagesArgument, corpus: CorpusArgument, config: ConfigOption = None, set_: SetOption = []) -> None:
    """Ingest, annotate, filter and write round 0. Run it again to go on where it stopped."""
    from engine.verbs import rounds

    rounds.run(images, corpus, config, set_)


@app.command()
def ingest(
    images: ImagesArgument,
    corpus: CorpusArgument,
    config: ConfigOption = None,
    set_: SetOption = [],
    retry_quarantined: RetryOption = False,
) -> None:
    """Check, hash and store images. Duplicates are found, and no model runs."""
    from engine.verbs import rounds

    rounds.ingest(images, corpus, config, set_, retry_quarantined=retry_quarantined)


@app.command()
def plan(
    source: PlanArgument,
    config: ConfigOption = None,
    set_: SetOption = [],
    images: PlanImagesOption = None,
    gpus: PlanGpusOption = None,
    hours: PlanHoursOption = None,
    sample: PlanSampleOption = 256,
    seconds: PlanSecondsOption = 60.0,
    write: PlanWriteOption = None,
) -> None:
    """Forecast time, disk, memory and requests of a run. Measures every annotator on a small sample."""
    from engine.verbs import plan as plan_module

    plan_module.plan(source, config, set_, images, gpus, hours, sample, seconds, write)


@app.command()
def annotate(
    corpus: CorpusArgument,
    config: ConfigOption = None,
    set_: SetOption = [],
    reset: ResetOption = [],
    retry_quarantined: RetryOption = False,
    part: PartOption = None,
) -> None:
    """Run every annotator where it is not done yet."""
    from engine.verbs import rounds

    rounds.annotate(corpus, config, set_, reset, retry_quarantined=retry_quarantined, part=part)


@app.command("filter")
def filter_(
    corpus: CorpusArgument,
    round_: RoundOption = 0,
    config: ConfigOption = None,
    set_: SetOption = [],
    reset: ResetOption = [],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the counts, write nothing.")] = False,
) -> None:
    """Fuse, filter and write a round without any model. Prints what a changed threshold changed."""
    from engine.verbs import rounds

    rounds.refilter_round(corpus, round_, config, set_, reset, dry_run=dry_run)


@app.command()
def calibrate(
    corpus: CorpusArgument,
    gold: MaybeGoldOption = None,
    round_: RoundOption = 0,
    config: ConfigOption = None,
    set_: SetOption = [],
    figure: DiagramOption = None,
) -> None:
    """Find out how often annotators are right: from gold, or by their agreement. Then `fld filter` uses it."""
    from engine.verbs import calibrate as calibrate_module

    calibrate_module.run(corpus, gold, round_, config, set_, figure)


@app.command()
def init(
    out: Annotated[str, typer.Argument(help="New folder for the checkpoint.")],
    size: Annotated[Literal["nano", "base", "large"], typer.Option(help="1.7, 231 or 776 million parameters.")],
    corpus: LearnedFromCorpusOption = None,
    round_: RoundOption = 0,
    texts: LearnedFromTextsOption = None,
    tokenizer: TakenTokenizerOption = None,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal weights.")] = 1,
    ordinal: OrdinalOption = True,
) -> None:
    """Write an untrained Florence-2, for `fld retrain --from`. Wants one of --corpus, --texts and --tokenizer."""
    from engine.verbs import init as init_module

    init_module.init(out, size, corpus, round_, texts, tokenizer, seed, ordinal=ordinal)


@app.command()
def retrain(
    corpus: CorpusArgument,
    checkpoint: Checkpoint,
    round_: RoundOption = 0,
    revision: Annotated[str | None, typer.Option("--revision", help="Commit of a hub id, 40 hex digits.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Replace a model that was trained otherwise.")] = False,
    student: StudentOption = None,
    config: ConfigOption = None,
    set_: SetOption = [],
) -> None:
    """Train a Florence-2, or a student, on a round. Run it again to go on where it stopped."""
    from engine.verbs import retrain as retrain_module

    retrain_module.retrain(corpus, round_, checkpoint, revision, config, set_, again=again, student=student)


@app.command()
def loop(
    corpus: CorpusArgument,
    rounds_: Annotated[int, typer.Option("--rounds", "-n", min=1, help="Last round to write.")] = 3,
    start: StartOption = None,
    gold: LoopGoldOption = None,
    config: ConfigOption = None,
    set_: SetOption = [],
) -> None:
    """Retrain, judge the model, annotate again, and so on. Run it again to go on where it stopped."""
    from engine.verbs import loop as loop_module

    loop_module.loop(corpus, rounds_, start, gold, config, set_)


@app.command()
def show(
    corpus: CorpusArgument,
    key: Annotated[str, typer.Argument(help="Key of the image, as in the list that was ingested.")],
    round_: RoundOption = 0,
    out: PictureOption = None,
    dropped: DroppedOption = False,
    phrases: Annotated[bool, typer.Option("--phrases", help="Also draw the boxes of grounded phrases.")] = False,
    draw_dropped: Annotated[bool, typer.Option("--draw-dropped", help="Also draw dropped boxes, dashed.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print the record and all that was dropped as JSON.")] = False,
) -> None:
    """Print a record and draw its picture. Boxes, quads, masks and labels are drawn."""
    from engine.verbs import show as module

    module.show(corpus, key, round_, out, dropped=dropped, groundings=phrases, draw_dropped=draw_dropped, json=json_)


@app.command()
def view(
    corpus: CorpusArgument,
    round_: FirstRoundOption = None,
    port: Annotated[int, typer.Option("--port", "-p", min=0, max=65535, help="0 takes a free one.")] = 0,
) -> None:
    """Look into a corpus in the browser, and correct it there: this machine only, nothing is installed."""
    from engine.verbs import view as view_module

    view_module.view(corpus, round_, port)


@app.command("report")
def report_(
    corpus: CorpusArgument,
    round_: ReportRoundOption = None,
    against: Annotated[int | None, typer.Option(min=0, metavar="ROUND", help="Compare with this round.")] = None,
    eval_: MeasuresOption = None,
    out: Annotated[str, typer.Option("--out", "-o", help="File to write.")] = "report.html",
) -> None:
    """Write one HTML page: what a corpus is made of, beside FLD-5B; what was dropped; the worst pictures."""
    from engine.verbs import report as report_module

    report_module.report(corpus, round_, against, out, eval_)


@app.command()
def stats(
    corpus: CorpusArgument,
    round_: LastRoundOption = None,
    json_: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Count texts, regions, phrases and what texts say, beside FLD-5B's own numbers."""
    from engine.verbs import stats as stats_module

    stats_module.stats(corpus, round_, json=json_)


@app.command()
def review(
    corpus: CorpusArgument,
    corrections: CorrectionsArgument = None,
    round_: ReviewRoundOption = None,
    who: Annotated[str | None, typer.Option("--who", help="Who made them. Default: you.")] = None,
    accept_rest: AcceptRestOption = False,
    suspects: SuspectsOption = None,
) -> None:
    """Take in people's corrections: accept, reject, relabel, move, add, rewrite. `fld filter` applies them."""
    from engine.verbs import review as review_module

    if suspects is not None:
        review_module.suspect(corpus, round_, suspects)
    else:
        review_module.run(corpus, corrections, round_, who, accept_rest=accept_rest)


@app.command()
def export(
    corpus: CorpusArgument,
    out: Annotated[str, typer.Argument(help="New folder, or a .json file for COCO instances alone.")],
    format_: FormatOption = "coco",
    round_: RoundOption = 0,
    where: WhereOption = None,
    pictures: Annotated[str, typer.Option("--pictures", help="copy, link (to the source files) or leave.")] = "copy",
    held_out: ValShareOption = None,
) -> None:
    """Write a round for another tool: COCO, YOLO, Hugging Face, FiftyOne, Label Studio, CVAT, JSON lines."""
    from engine.verbs import export as export_module

    export_module.run(corpus, out, round_, format_, where, pictures, held_out)


@app.command("eval")
def eval_(
    corpus: CorpusArgument,
    gold: GoldOption,
    round_: RoundOption = 0,
    all_rounds: Annotated[bool, typer.Option("--rounds", help="All rounds side by side.")] = False,
    held_out: HeldOutOption = None,
    json_: Annotated[str | None, typer.Option("--json", metavar="FILE", help="Also write all measures here.")] = None,
    figure: FigureOption = None,
) -> None:
    """Measure a round against gold: per filter stage and per annotator, with 95% intervals. Runs no model."""
    from engine.verbs import eval as eval_module

    eval_module.run(corpus, gold, round_, all_rounds=all_rounds, held_out=held_out, json_path=json_, figure_path=figure)


@app.command()
def status(corpus: CorpusArgument) -> None:
    """What is done, what is missing, what failed and why."""
    from engine.verbs import status as status_module

    status_module.status(corpus)


@app.command()
def verify(
    corpus: CorpusArgument,
    repair: Annotated[bool, typer.Option("--repair", help="Rebuild only what is damaged.")] = False,
    sample: SampleOption = 1.0,
) -> None:
    """Compare every file with its checksum. Exit code 5 if one is damaged."""
    from engine.verbs import verify as verify_module

    verify_module.verify(corpus, repair=repair, sample=sample)


@app.command()
def trust(corpus: CorpusArgument) -> None:
    """Let a corpus of somebody else run its own annotators and filters: docs/security.md says what that means."""
    from engine.verbs import trust as trust_module

    trust_module.trust(corpus)


@app.command()
def doctor(config: ConfigOption = None, set_: SetOption = []) -> None:
    """Versions, devices, and who can load here. Says why the other annotators cannot."""
    from engine.verbs import doctor as doctor_module

    doctor_module.doctor(config, set_)


@app.command("config")
def config_(
    config: ConfigOption = None,
    set_: SetOption = [],
    all_: Annotated[bool, typer.Option("--all", help="Print the defaults, too: every setting there is.")] = False,
) -> None:
    """Print the settings that differ from their defaults. Save them to a file, change it, pass it with --config."""
    from engine.config.config import load
    from engine.config.config_text import to_yaml

    sys.stdout.write(to_yaml(load(config, set_), changed=not all_))


@app.command()
def scenes(
    out: Annotated[str, typer.Argument(help="New folder for pictures and gold.jsonl.")],
    count: Annotated[int, typer.Option(min=1, help="How many scenes.")] = 500,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal bytes.")] = 7,
    size: Annotated[int, typer.Option(min=64, help="Side of a picture in pixels.")] = 256,
    light: Annotated[Literal["day", "dusk"], typer.Option(help="dusk: darker than any shipped model knows.")] = "day",
    noisy: Annotated[bool, typer.Option("--noisy", help="Also write given labels with known noise.")] = False,
    labelled: Annotated[float, typer.Option(max=1, help="Share of the pictures that --noisy labels.")] = 1.0,
) -> None:
    """Draw generated scenes with exact gold annotations."""
    from engine.verbs import demo

    demo.scenes(out, count, seed, size, light, noisy=noisy, labelled=labelled)


@app.command("demo")
def demo_(
    folder: Annotated[str, typer.Argument(help="New folder for the demo.")] = "demo",
    count: Annotated[int, typer.Option(min=8, help="How many scenes.")] = 120,
    set_: SetOption = [],
) -> None:
    """Draw scenes, annotate and measure them, retrain twice. Uses the embedded profile."""
    from engine.verbs import demo

    demo.demo(folder, count, set_)


def main() -> None:
    """Entry point: runs the verb, turns a known error into one message and its exit code."""
    sys.exit(run_to_its_code(app, sys.argv[1:]))


if __name__ == "__main__":
    main()
