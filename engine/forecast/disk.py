"""What a corpus of N images takes on disk: bytes and files per folder, from a sample corpus of two shards.

Comes in: the files of the sample by folder and shard. Goes out: a `FolderSize` per folder. Of two shards of different
size follows what a file costs by itself (headers, a schema) and what each image adds:

    bytes(shard) = fixed + images * each          raw/objects    18.1 kB + 0.41 kB per image
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_SHARD = re.compile(r"(?P<folder>.+?)/(?:(?:shards|index|summary|originals)/)?(?P<shard>\d{6})\.\w+")
_MANIFEST = re.compile(r"(?P<folder>.+)/manifest/(?P<shard>\d{6})\.json")
_WHOLE = re.compile(r"(images/plan|images/lookup|images/duplicates|rounds/\d+/overview)(/|$)")
"""Written per corpus, not per shard; they grow with the images."""


@dataclass(frozen=True)
class FolderSize:
    """fixed, each: bytes of a shard's files, and more per image; files: per shard; beside, beside_files: what there is
    once in the folder, of which each image adds `beside_each` bytes."""

    fixed: float
    each: float
    files: int
    beside_each: float = 0.0
    beside_files: int = 0

    def bytes(self, images: int, shard_size: int) -> float:
        """Of `images` images."""
        shards = math.ceil(images / shard_size)
        return shards * self.fixed + images * (self.each + self.beside_each)

    def count(self, images: int, shard_size: int) -> int:
        """Files of `images` images."""
        return math.ceil(images / shard_size) * self.files + self.beside_files


def folder_sizes(files: Mapping[str, int], images: Mapping[str, int]) -> dict[str, FolderSize]:
    """Folder -> its size. files: path -> bytes, of the sample corpus; images: shard -> how many it holds."""
    per_shard: dict[str, dict[str, list[int]]] = {}
    beside: dict[str, list[int]] = {}
    for path, size in files.items():
        match = None if _WHOLE.match(path) else _MANIFEST.fullmatch(path) or _SHARD.fullmatch(path)
        if match is not None and match["shard"] in images:
            per_shard.setdefault(match["folder"], {}).setdefault(match["shard"], []).append(size)
        else:
            beside.setdefault(_home(path), []).append(size)
    total = sum(images.values())
    found = {}
    for folder in sorted({*per_shard, *beside}):
        shards, others = per_shard.get(folder, {}), beside.get(folder, [])
        points = [(images[shard], sum(sizes)) for shard, sizes in shards.items()]
        fixed, each = _line(points)
        count = max((len(sizes) for sizes in shards.values()), default=0)
        found[folder] = FolderSize(fixed, each, count, sum(others) / total, len(others))
    return found


def _home(path: str) -> str:
    """`images/plan/000000.parquet` belongs to images, `rounds/00/overview/...` to rounds/00, `corpus.yaml` to ""."""
    parts = path.split("/")
    if parts[0] == "rounds" and len(parts) > 2:
        return "/".join(parts[:2])
    return parts[0] if len(parts) > 1 else ""


def _line(points: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """(fixed, each) through two points; what a small sample would make negative is 0."""
    images, size = sum(count for count, _ in points), sum(size for _, size in points)
    if len({count for count, _ in points}) < 2:
        return 0.0, size / max(1, images)
    (few, small), (many, large) = min(points), max(points)
    fixed = min(max(0.0, (small * many - large * few) / (many - few)), 0.9 * small)
    return fixed, (size - len(points) * fixed) / images
