"""A small corpus to test with: image shards, one raw column and one round, all content derived from the names."""

import hashlib
from collections.abc import Iterable, Sequence

from shards.commit import ImageCounts, Manifest
from shards.finding import Caption, Detection, Finding, Mask, Match, OcrLine, PhraseGrounding
from shards.images import ImageRow, read_image, read_image_rows, write_images
from shards.layout import shard_name
from shards.originals import OriginalsPolicy
from shards.raw import RawRow, write_raw
from shards.record import Record, Source, Text
from shards.rounds import IndexRow, write_round_shard
from shards.store import Store

ANNOTATOR, FINGERPRINT = "detector", "3fa9c1"


def image_bytes(key: str, size: int = 3000) -> bytes:
    """`size` bytes that only this key has; not a picture, the store does not look inside."""
    return (hashlib.sha256(key.encode()).digest() * (size // 32 + 1))[:size]


def findings() -> list[Finding]:
    """One of every kind, with every optional field set somewhere and numbers that no float32 holds."""
    return [
        Detection("dog", 0.9123, box=(12.01, 30.5, 200.33, 180.25)),
        Detection(box=(0.0, 0.0, 1.0, 1.0)),
        OcrLine("EXIT €", 1.0, box=(0.1, 0.2, 0.5, 0.8), quad=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)),
        Caption("a dog", about="detector/0", granularity="brief"),
        PhraseGrounding("a dog", about="captions/0", span=(0, 5), phrase_score=0.3333),
        Mask(about="detector/0", polygons=[[1.0, 2.0, 3.5, 4.0, 5.0, 6.01], [0.5, 0.25, 1.0, 1.0, 2.0, 0.0]]),
        Mask(about="detector/1", polygons=[]),
        Match("dog", 0.0, about="detector/0", slot="phrase"),
    ]


def image_row(key: str, data: bytes, ext: str = "jpg", given: Sequence[Finding] = ()) -> ImageRow:
    sha256 = hashlib.sha256(data).hexdigest()
    return ImageRow(key, f"photos/{key}", sha256=sha256, width=64, height=48, ext=ext, given=list(given))


def failed_row(key: str) -> ImageRow:
    return ImageRow(key, f"photos/{key}", status="failed", stage="decode", error="truncated")


def image_record(row: ImageRow, number: int = 0) -> Record:
    source = Source("captions", FINGERPRINT, number, None, "captions/0")
    text = Text("t0", "brief", f"a picture called {row.key}", source)
    return Record(row.key, row.uri, row.sha256, row.width, row.height, number, [text])


def index_rows(rows: Iterable[ImageRow]) -> list[IndexRow]:
    """A kept row per image and a kept and a dropped region; a failed image has its reason."""
    index = []
    for row in rows:
        if row.status == "failed":
            index.append(IndexRow(row.key, "", "image", kept=False, rule="failed_decode"))
            continue
        box = (1.0, 2.0, 3.5, 4.25)
        region = IndexRow(
            row.key, "r0", "region", ANNOTATOR, FINGERPRINT, f"{ANNOTATOR}/0", text="dog", score=0.9, box=box
        )
        low = IndexRow(row.key, "", "region", ANNOTATOR, FINGERPRINT, f"{ANNOTATOR}/1", text="ball", score=0.2, box=box,
                       kept=False, rule="score", value=0.2, threshold=0.3)  # fmt: skip
        index += [IndexRow(row.key, "", "image"), region, low]
    return index


def build_corpus(store: Store, shards: int = 2, images: int = 4) -> list[str]:
    """`shards` shards of `images` good images and a failed one each, annotated and in round 0. Returns good keys."""
    keys = []
    for number in range(shards):
        shard = shard_name(number)
        names = [f"s{number}/image{index}" for index in range(images)]
        samples: list[tuple[ImageRow, bytes | None]] = [
            (image_row(key, image_bytes(key)), image_bytes(key)) for key in names
        ]
        samples.insert(1, (failed_row(f"s{number}/broken"), None))
        write_images(store, shard, samples)
        write_raw(store, ANNOTATOR, FINGERPRINT, shard, [RawRow(key, findings=findings()) for key in names])
        build_round(store, shard)
        keys += names
    return keys


def build_round(store: Store, shard: str, number: int = 0, originals: OriginalsPolicy = "copy") -> Manifest:
    rows = read_image_rows(store, shard)
    good = [row for row in rows if row.status == "ok"]
    samples = ((image_record(row, number), row.ext, read_image(store, shard, row)) for row in good)
    counts = ImageCounts(len(rows), len(good), failed=len(rows) - len(good))
    return write_round_shard(store, number, shard, samples, index_rows(rows), counts, FINGERPRINT, originals)
