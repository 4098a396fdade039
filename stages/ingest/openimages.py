"""Open Images boxes: a csv with one box per line, sides as fractions of the image.

    ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside
    000026e7ee790996,verified,/m/07j7r,1,0.07,0.14,0.2,0.6,0,1,0,0,0   ->  object "Tree", box in pixels

Images are `<ImageID>.jpg` in a folder; label names come from `class-descriptions*.csv` (`/m/07j7r,Tree`, with or
without a header). `IsGroupOf` boxes hold five or more things at once and are left out and counted, like COCO's crowds.
"""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterator

from shards.finding import Finding
from stages.ingest.entry import Entry, SourceError
from stages.ingest.lists import Row, read_rows
from stages.ingest.locations import IMAGE_SUFFIXES, absolute, files_below, is_folder, join, parent

COLUMNS = frozenset({"ImageID", "LabelName", "XMin", "XMax", "YMin", "YMax"})


def is_open_images(data: bytes) -> bool:
    """Whether the first line of a csv has Open Images' columns."""
    header = data[:4096].split(b"\n", 1)[0].decode("utf-8-sig", errors="replace").strip()
    return set(header.split(",")) >= COLUMNS


def class_names(data: bytes) -> dict[str, str]:
    """Label id -> name."""
    rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    return {row[0]: row[1] for row in rows if len(row) >= 2 and row[0].startswith("/m/")}


def read_open_images(
    location: str, data: bytes, names: dict[str, str] | None, root: str | None, skipped: Counter[str]
) -> Iterator[Entry]:
    """One entry per ImageID, in order of first appearance; boxes left out are counted in `skipped` by reason.

    names: label id -> name; None keeps the ids. Raises SourceError naming the row that is wrong."""
    given: defaultdict[str, list[Finding]] = defaultdict(list)
    for number, row in enumerate(read_rows(location, data, ".csv"), 1):
        if row.get("IsGroupOf") == "1":
            skipped["group (IsGroupOf: 1)"] += 1
            given[row["ImageID"]] += []
            continue
        given[row["ImageID"]].append(_finding(f"{location}, row {number}", row, names))
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


def _finding(where: str, row: Row, names: dict[str, str] | None) -> Finding:
    label = row["LabelName"]
    if names is not None and label not in names:
        raise SourceError(f"source {where}: label {label} is not among the class descriptions")
    try:
        box = (float(row["XMin"]), float(row["YMin"]), float(row["XMax"]), float(row["YMax"]))
    except (TypeError, ValueError) as error:
        raise SourceError(f"source {where}: XMin, XMax, YMin, YMax must be numbers: {error}") from error
    return Finding(kind="object", text=label if names is None else names[label], box=box)


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
