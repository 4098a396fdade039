"""`fld export`: what `engine/api/export.py` wrote, in one line."""

from engine.api.export import export
from engine.terminal import err


def export_coco(corpus: str, number: int, out: str) -> None:
    """Write round `number` to the file `out`."""
    report = export(corpus, out, round=number)
    err.print(f"{report.path}: {report.images:,} images, {report.objects:,} objects, {report.categories:,} categories")
