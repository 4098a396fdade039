"""A small corpus to look at: real pictures, two detectors that disagree, phrases, dropped findings, two rounds, and
hostile strings wherever a string can be."""

import io

import msgspec
from PIL import Image, ImageDraw

from shards.commit import ImageCounts
from shards.images import ImageRow, read_image_rows, write_images
from shards.layout import shard_name
from shards.lookup import complete_lookup
from shards.overview import complete_overview
from shards.record import Candidate, GroundedBox, Grounding, Record, Region, Source, Text, Vote
from shards.rounds import IndexRow, write_round_shard
from shards.store import Store

EVIL = '"><script>window.pwned=1</script><img src=x onerror=window.pwned=1>'
CAPTION = "a red square beside a blue one"
SIZE = (160, 120)
RED, BLUE = (20.0, 30.0, 60.0, 70.0), (90.0, 40.0, 140.0, 90.0)


def source(annotator: str, position: int = 0, score: float | None = 0.9) -> Source:
    return Source(annotator, "f", 0, score, f"{annotator}/{position}")


def picture(number: int) -> bytes:
    """A red and a blue square on grey."""
    canvas = Image.new("RGB", SIZE, (120 + 10 * (number % 10),) * 3)
    pen = ImageDraw.Draw(canvas)
    pen.rectangle(RED, fill=(200, 30, 30))
    pen.rectangle(BLUE, fill=(30, 30, 200))
    sink = io.BytesIO()
    canvas.save(sink, "JPEG")
    return sink.getvalue()


def record(key: str, number: int, round_: int) -> Record:
    """Two regions, one of them of one vote only; from round 1 on the second has another name, and the caption too."""
    second = "square" if round_ == 0 else "cube"
    score = 0.35 + 0.05 * (number % 10)
    regions = [
        Region("r0", "object", RED, 0.9, [Candidate("phrase", "square", 0.8, source("yolo"))], 0,
               [Vote(RED, "square", 0.92, 0.6, source("yolo", 0, 0.97)), Vote(RED, "box", 0.8, 0.4, source("detr"))],
               polygons=[[20.0, 30.0, 60.0, 30.0, 60.0, 70.0, 20.0, 70.0]]),
        Region("r1", "object", BLUE, score, [Candidate("phrase", second, None, source("yolo", 1, score))], 0,
               [Vote(BLUE, second, score, 1.0, source("yolo", 1, score))]),
    ]  # fmt: skip
    caption = CAPTION if round_ == 0 else CAPTION.replace("square", "cube")
    phrase = caption[: caption.index(" beside")]
    place = GroundedBox(RED, 0.66, source("grounder"), "r0")
    grounding = Grounding("t0", (0, len(phrase)), phrase, 0.7, [place])
    texts = [Text("t0", "brief", caption, source("captioner"))]
    if number == 1:
        texts.append(Text("t1", "detailed", f"{EVIL} \u202e bidi", source("captioner", 1)))
    return Record(key, f"photos/{key}.jpg", "", *SIZE, round_, texts, regions, [grounding])


def index_of(made: Record) -> list[IndexRow]:
    """The rows of one kept image: its regions, and two boxes under the threshold."""
    rows = [IndexRow(made.key, "", "image")]
    for region in made.regions:
        rows += [
            IndexRow(made.key, region.id, "region", vote.source.annotator, "f", vote.source.ref, None, vote.label,
                     vote.score, vote.box)
            for vote in region.votes
        ]  # fmt: skip
    for position, score in ((7, 0.25), (8, 0.12)):
        rows.append(IndexRow(made.key, "", "region", "yolo", "f", f"yolo/{position}", None, "ghost", score,
                             (70.0, 5.0, 100.0, 30.0), False, "region.score", score, 0.3))  # fmt: skip
    rows.append(IndexRow(made.key, "g0", "phrase", "grounder", "f", "grounder/0", None, "a red square", 0.66, RED))
    return rows


def keys(count: int) -> list[str]:
    """Keys of the good images; the second of them is hostile."""
    return [f"set/{number:03d}" if number != 1 else EVIL for number in range(count)]


def build_viewed(store: Store, images: int = 12, rounds: int = 2, shards: int = 2) -> list[str]:
    """The corpus. Each shard also has an image that could not be read, and one that was dropped as a double."""
    every = keys(images)
    for shard in range(shards):
        mine = every[shard::shards]
        rows: list[tuple[ImageRow, bytes | None]] = []
        for key in [*mine, f"double/{shard}"]:
            data = picture(every.index(key) if key in every else 0)
            rows.append(
                (ImageRow(key, f"photos/{key}.jpg", sha256="0", width=SIZE[0], height=SIZE[1], ext="jpg"), data)
            )
        rows.append((ImageRow(f"broken/{shard}", "x.jpg", status="failed", stage="decode", error="truncated"), None))
        write_images(store, shard_name(shard), rows)
        for round_ in range(rounds):
            _write(store, shard_name(shard), round_, mine, every)
    complete_lookup(store)
    for round_ in range(rounds):
        complete_overview(store, round_)
    store.write("corpus.yaml", [b"annotators: {yolo: {role: detector}, ocr: {role: reader}}\n"])
    return every


def _write(store: Store, shard: str, round_: int, mine: list[str], every: list[str]) -> None:
    records = {key: record(key, every.index(key), round_) for key in mine}
    index: list[IndexRow] = []
    for row in read_image_rows(store, shard):
        if row.key in records:
            index += index_of(records[row.key])
        else:
            rule = "image.failed" if row.status == "failed" else "exact_duplicate"
            index.append(IndexRow(row.key, "", "image", text=row.error, kept=False, rule=rule))
    samples = (
        (msgspec.structs.replace(records[key], uri=f"{key}.jpg"), "jpg", picture(every.index(key))) for key in mine
    )
    write_round_shard(store, round_, shard, samples, index, ImageCounts(len(mine) + 2, len(mine), 1, 1), "f")
