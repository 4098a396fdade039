"""Arguments and options that several words of `fld` share."""

from typing import Annotated

import typer

Corpus = Annotated[str, typer.Argument(help="Corpus folder: a local path or an fsspec URL (s3://, gs://, ...).")]
Images = Annotated[
    list[str], typer.Argument(help="Images, folders, globs, lists (txt csv tsv jsonl parquet), tars, COCO json, URLs.")
]
ConfigOption = Annotated[
    str | None,
    typer.Option("--config", "-c", help="Settings: a YAML file or a profile (embedded, open). Default: the corpus's."),
]
SetOption = Annotated[
    list[str], typer.Option("--set", "-s", metavar="KEY=VALUE", help="Change one setting; repeat for more.")
]
RoundOption = Annotated[int, typer.Option("--round", "-r", min=0, help="Round number.")]
RetryOption = Annotated[bool, typer.Option("--retry-quarantined", help="Run again only what failed before.")]
