"""Arguments and options of the words of `fld`: those that several share, and those that take more than a line."""

from typing import Annotated, Literal

import typer

# What most words take

CorpusArgument = Annotated[
    str, typer.Argument(help="Corpus folder: a local path or an fsspec URL (s3://, gs://, ...).")
]
ImagesArgument = Annotated[
    list[str], typer.Argument(help="Images, folders, globs, lists (txt csv tsv jsonl parquet), tars, COCO json, URLs.")
]
ConfigOption = Annotated[
    str | None,
    typer.Option(
        "--config", "-c", help="Settings: a YAML file or a profile (embedded, open, paper). Default: the corpus's."
    ),
]
SetOption = Annotated[
    list[str], typer.Option("--set", "-s", metavar="KEY=VALUE", help="Change one setting; repeat for more.")
]
ResetOption = Annotated[
    list[str],
    typer.Option("--reset", metavar="KEY", help="Give a setting or a section the profile's value again; repeat."),
]
RoundOption = Annotated[int, typer.Option("--round", "-r", min=0, help="Round number.")]
RetryOption = Annotated[bool, typer.Option("--retry-quarantined", help="Run again only what failed before.")]

# A round, the last by default

LastRoundOption = Annotated[int | None, typer.Option("--round", "-r", min=0, help="Round. Default: last.")]
FirstRoundOption = Annotated[
    int | None, typer.Option("--round", "-r", min=0, help="Round to begin with. Default: last.")
]
ReportRoundOption = Annotated[
    int | None, typer.Option("--round", "-r", min=0, help="Round to report on. Default: last.")
]
ReviewRoundOption = Annotated[
    int | None, typer.Option("--round", "-r", min=0, help="Round they were made on. Default: last.")
]

# Gold, and what is measured by it

GoldOption = Annotated[str, typer.Option("--gold", "-g", help="gold.jsonl (records), or COCO instances json.")]
MaybeGoldOption = Annotated[
    str | None, typer.Option("--gold", "-g", help="gold.jsonl (records), or COCO instances json.")
]
LoopGoldOption = Annotated[
    str | None, typer.Option("--gold", help="Gold that models are judged by. Kept in the corpus. Default: round 0.")
]
HeldOutOption = Annotated[
    float | None, typer.Option("--held-out", metavar="SHARE", help="Only the images never trained on.")
]
FigureOption = Annotated[
    str | None,
    typer.Option("--figure", metavar="FILE", help="Draw precision over recall, or all rounds: png, svg."),
]
DiagramOption = Annotated[
    str | None, typer.Option("--figure", metavar="FILE", help="Draw the reliability diagram, as png or svg.")
]
MeasuresOption = Annotated[
    str | None, typer.Option("--eval", metavar="FILE", help="Show the measures that fld eval --json wrote here.")
]

# What is trained, and from what

Checkpoint = Annotated[
    str, typer.Option("--from", help="Checkpoint to start from: a folder, embedded:NAME or a hub id.")
]
StartOption = Annotated[
    str | None,
    typer.Option("--from", help="Checkpoint of the first training: a folder or embedded:NAME. Kept in the corpus."),
]
StudentOption = Annotated[
    Literal["ultralytics"] | None,
    typer.Option(help="Train a small detector by this library's trainer instead; --from takes a .pt file."),
]
LearnedFromCorpusOption = Annotated[
    str | None, typer.Option("--corpus", help="Learn the tokenizer from what a round of this corpus trains.")
]
LearnedFromTextsOption = Annotated[
    str | None, typer.Option("--texts", metavar="FILE", help="Learn it from the lines of this file.")
]
TakenTokenizerOption = Annotated[
    str | None, typer.Option("--tokenizer", help="Take that of a Florence-2: a folder or embedded:NAME.")
]
OrdinalOption = Annotated[
    bool, typer.Option("--ordinal/--no-ordinal", help="Neighbouring location tokens start out alike.")
]

# What is looked at, corrected, taken out

PictureOption = Annotated[
    str | None, typer.Option("--out", "-o", help="Where to save the picture. Default: KEY.roundN.png.")
]
DroppedOption = Annotated[bool, typer.Option("--dropped", help="Also list what the filters dropped, rule by rule.")]
CorrectionsArgument = Annotated[
    str | None, typer.Argument(help="corrections.jsonl, Label Studio's JSON or CVAT's XML.")
]
AcceptRestOption = Annotated[
    bool, typer.Option("--accept-rest", help="Label Studio, CVAT: also accept what was left as it was.")
]
SuspectsOption = Annotated[
    int | None, typer.Option("--suspects", metavar="COUNT", min=1, help="Print the labels that are probably wrong.")
]
FormatOption = Annotated[
    str,
    typer.Option("--format", "-f", help="coco, yolo, yolo-seg, hf, fiftyone, label-studio, cvat, jsonl or webdataset."),
]
WhereOption = Annotated[
    str | None, typer.Option("--where", metavar="SQL", help="Only images whose summary row meets this condition.")
]
ValShareOption = Annotated[
    float | None,
    typer.Option("--held-out", metavar="SHARE", help="Share of images in the split val. Default: as in training."),
]

PartOption = Annotated[
    str | None, typer.Option("--part", metavar="K/N", help="Only the K-th of N parts, beside drivers of the others.")
]

# A plan

PlanArgument = Annotated[str, typer.Argument(help="Images, as fld run takes them, or a corpus.")]
PlanImagesOption = Annotated[
    int | None, typer.Option("--images", min=1, help="How many images there will be. Default: those that are there.")
]
PlanGpusOption = Annotated[
    int | None, typer.Option("--gpus", min=0, help="GPUs to run on. Default: those of this machine.")
]
PlanHoursOption = Annotated[
    float | None, typer.Option("--hours", help="Also say what it takes to be done in this time.")
]
PlanSampleOption = Annotated[int, typer.Option("--sample", min=1, help="Images that are looked at.")]
PlanSecondsOption = Annotated[
    float, typer.Option("--seconds", min=1, help="Time of each annotator, once it is loaded.")
]
PlanWriteOption = Annotated[
    str | None, typer.Option("--write", metavar="FILE", help="Write the settings of the plan, for --config.")
]
SampleOption = Annotated[
    float,
    typer.Option(min=0, max=1, help="Share of units, by chance, whose files are read; the others must be there."),
]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]
