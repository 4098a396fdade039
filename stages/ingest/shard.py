"""One shard of the plan: its images examined, in order, and committed.

The same code whoever runs it: a process of its own (stages/ingest/shard_worker.py), with its threads as examiner, or
the process that was called, with others that examine for it (stages/ingest/workers.py). So the bytes are the same.
"""

from collections import Counter
from collections.abc import Iterator

from shards.images import ImageRow, read_image, read_image_rows, write_images
from shards.store import Store
from stages.ingest.entry import Entry
from stages.ingest.examine import Examined
from stages.ingest.frames import ShardJob, ShardWritten
from stages.ingest.locations import suffix
from stages.ingest.settings import IngestSettings
from stages.ingest.workers import ImageExaminer, ImageSource


def write_shard(store: Store, job: ShardJob, settings: IngestSettings, examiner: ImageExaminer) -> ShardWritten:
    """Fetch and check the images of a shard and commit it."""
    rows = read_image_rows(store, job.shard) if job.recover else []
    kept = {row.key: row for row in rows if row.status == "ok"}
    outside, mislabelled = 0, Counter[str]()

    def source(entry: Entry) -> ImageSource:
        row = kept.get(entry.key)
        return ImageSource(entry, None if row is None else read_image(store, job.shard, row))

    def samples() -> Iterator[tuple[ImageRow, bytes | None]]:
        nonlocal outside
        for entry, examined in zip(job.entries, examiner.examine_all(map(source, job.entries)), strict=True):
            outside += examined.outside
            if wrong := _mislabelled(entry, examined):
                mislabelled[wrong] += 1
            yield examined.row, examined.data

    manifest = write_images(store, job.shard, samples(), outcome_settings(settings))
    return ShardWritten(manifest, outside, dict(mislabelled))


def outcome_settings(settings: IngestSettings) -> str:
    """The settings that decide what a row says; stored as the fingerprint of image shards, and meant to be read."""
    limits = settings.limits
    return (
        f"max_pixels={limits.max_pixels} min_side={limits.min_side} max_bytes={limits.max_bytes}"
        f" given_frame={settings.given_frame}"
    )


def _mislabelled(entry: Entry, examined: Examined) -> str:
    name = suffix(entry.uri)
    if examined.row.status == "ok" and name and _FAMILY.get(name, name) != f".{examined.row.ext}":
        return f"{name} that is {examined.row.ext}"
    return ""


_FAMILY = {
    suffix: f".{ext}"
    for ext, suffixes in {
        "jpg": (".jpeg", ".jpe", ".jfif", ".mpo"),
        "png": (".apng",),
        "bmp": (".dib",),
        "tif": (".tiff",),
        "ppm": (".pgm", ".pbm", ".pnm"),
        "jp2": (".j2k",),
    }.items()
    for suffix in suffixes
}
"""Suffix -> the one that ingest writes for the same format."""
