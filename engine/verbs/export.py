"""`fld export`: what `engine/api/export.py` wrote, in one line."""

from typing import cast

from engine.api.export import Format, export
from engine.console.terminal import err
from stages.export.pictures import PictureMode


def run(
    corpus: str, out: str, number: int, format_: str, where: str | None, pictures: str, held_out: float | None
) -> None:
    """Write round `number` to `out`."""
    report = export(
        corpus,
        out,
        round=number,
        format=cast(Format, format_),
        where=where,
        pictures=cast(PictureMode, pictures),
        held_out=held_out,
    )
    err.print(f"{report.path}: {report.images:,} images, {report.objects:,} objects, {report.categories:,} categories")
