"""Open Images boxes: a csv with one box per line, sides as fractions of the image.

    ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside
    000026e7ee790996,verified,/m/07j7r,1,0.07,0.14,0.2,0.6,0,1,0,0,0   ->  object "Tree", box in pixels

Images are `<ImageID>.jpg` in a folder; label names come from `class-descriptions*.csv` (`/m/07j7r,Tree`, with or
without a header). `IsGroupOf` boxes hold five or more things at once and are left out and counted, like COCO's crowds.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping

from shards.finding import Detection, Finding
from stages.ingest.csv_rows import CsvRow
from stages.ingest.entry import Entry, SourceError
from stages.ingest.left_out import LeftOut
from stages.ingest.locations import IMAGE_SUFFIXES, absolute, files_below, is_folder, join, parent
from stages.ingest.rows import lines_of, list_rows
from stages.ingest.secrets import public

COLUMNS = frozenset({"ImageID", "LabelName", "XMin", "XMax", "YMin", "YMax"})


def is_open_images(data: bytes) -> bool:
    """Whether the first line of a csv has Open Images' columns."""
    header = data[:4096].split(b"\n", 1)[0].decode("utf-8-sig", errors="replace").strip()
    return set(header.split(",")) >= COLUMNS


def read_class_names(data: bytes) -> dict[str, str]:
    """Label id -> name."""
    rows = (line.split(",", 1) for line in lines_of(data))
    return {row[0]: row[1].strip('"') for row in rows if len(row) == 2 and row[0].startswith("/m/")}


def read_open_images(
    location: str, data: bytes, names: dict[str, str] | None, root: str | None, left_out: LeftOut
) -> Iterator[Entry]:
    """One entry per ImageID, in order of first appearance; boxes left out are counted in `left_out` by reason.

    names: label id -> name; None keeps the ids. Raises SourceError when the images' folder is missing."""
    given: defaultdict[str, list[Finding]] = defaultdict(list)
    shown = public(location)
    for row in list_rows(location, data, ".csv"):
        where = f"{shown}, row {row.number}"
        image_id = row.values.get("ImageID")
        if not isinstance(image_id, str) or not image_id:
            left_out.row("row", f"{where} has no ImageID")
            continue
        findings = given[image_id]
        if row.values.get("IsGroupOf") == "1":
            left_out.by_rule("group (IsGroupOf: 1)")
            continue
        try:
            findings.append(_finding(row, names))
        except ValueError as error:
            left_out.label("box", f"{where} {error}")
    yield from _entries(location, root, given)


def _entries(location: str, root: str | None, given: Mapping[str, list[Finding]]) -> Iterator[Entry]:
    paths = _images(location, root)
    for image_id, findings in given.items():
        path = paths.get(image_id, f"{image_id}.jpg")  # a missing file becomes a failed row, as in every list
        yield Entry(
            uri=path,
            location=absolute(join(_folder(location, root), path)),
            name=path,
            key=image_id,
            given=findings,
            normalised=True,
        )


def _finding(row: CsvRow, names: dict[str, str] | None) -> Finding:
    """Raises ValueError for a row that is no box."""
    if row.problem:
        raise ValueError(row.problem)
    label = str(row.values["LabelName"] or "")
    if names is not None and label not in names:
        raise ValueError(f"has label {label}, which is not among the class descriptions")
    left, top, right, bottom = (_side(name, row.values[name]) for name in ("XMin", "YMin", "XMax", "YMax"))
    return Detection(label if names is None else names[label], box=(left, top, right, bottom))


def _side(name: str, value: object) -> float:
    try:
        side = float(str(value))
    except ValueError:
        side = math.nan
    if not math.isfinite(side):
        raise ValueError(f"must have a number in {name}, got {value!r}")
    return side


def _folder(location: str, root: str | None) -> str:
    if root is not None:
        return absolute(root)
    images = join(parent(location), "images")
    return images if is_folder(images) else parent(location)


def _images(location: str, root: str | None) -> dict[str, str]:
    """Image id -> path below the folder; Open Images ships its files in nested folders by first digit."""
    folder = _folder(location, root)
    if not is_folder(folder):
        raise SourceError(f"source {location}: its images must be a folder, got {folder}: name it with ingest.root")
    found = (path for path in files_below(folder) if "." + path.rpartition(".")[2].lower() in IMAGE_SUFFIXES)
    return {path.rpartition("/")[2].rpartition(".")[0]: path for path in found}
