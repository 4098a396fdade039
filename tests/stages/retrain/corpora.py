"""A corpus of plain pictures with one box each, and a checkpoint small enough to train in seconds."""

import hashlib
import io
from pathlib import Path

from PIL import Image

from shards.commit import ImageCounts
from shards.images import ImageRow, write_images
from shards.record import Candidate, Record, Region, Source, Text
from shards.rounds import IndexRow, write_round_shard
from shards.store import open_store
from stages.retrain.job import RetrainJob
from stages.retrain.settings import RetrainSettings

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 50, 220), "white": (250, 250, 250)}
SIDE = 64


def picture(number: int) -> bytes:
    """A PNG: black, with a square whose colour and place follow from the number."""
    image = Image.new("RGB", (SIDE, SIDE))
    left, top = box(number)[:2]
    image.paste(colour(number)[1], (int(left), int(top), int(left) + 24, int(top) + 24))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def colour(number: int) -> tuple[str, tuple[int, int, int]]:
    return list(COLOURS.items())[number % len(COLOURS)]


def box(number: int) -> tuple[float, float, float, float]:
    left, top = float(number * 7 % 40), float(number * 11 % 40)
    return left, top, left + 24, top + 24


def sample(number: int, round_: int = 0) -> tuple[ImageRow, Record, bytes]:
    data, key, name = picture(number), f"p{number:03d}", colour(number)[0]
    row = ImageRow(key, f"photos/{key}", sha256=hashlib.sha256(data).hexdigest(), width=SIDE, height=SIDE, ext="png")
    source = Source("given", "given", 0, None, "given/0")
    region = Region("r0", "object", box(number), 1.0, [Candidate("phrase", f"{name} square", None, source)], 0, [])
    text = Text("t0", "brief", f"a {name} square", source)
    return row, Record(key, row.uri, row.sha256, SIDE, SIDE, round_, [text], [region]), data


def build(folder: Path | str, count: int = 24, rounds: int = 1, per_shard: int = 8) -> str:
    """Write image shards and rounds to a folder or an object store; the corpus as one names it."""
    store = open_store(str(folder))
    for shard, start in enumerate(range(0, count, per_shard)):
        name, numbers = f"{shard:06d}", range(start, min(start + per_shard, count))
        write_images(store, name, [(row, data) for row, _, data in map(sample, numbers)])
        for round_ in range(rounds):
            samples = [sample(number, round_) for number in numbers]
            index = [IndexRow(row.key, "", "image") for row, _, _ in samples]
            counts = ImageCounts(len(samples), len(samples))
            write_round_shard(store, round_, name, [(r, "png", data) for _, r, data in samples], index, counts, "f")
    return str(folder)


def damage(corpus: str, shard: str = "000000", share: float = 0.5) -> None:
    """Overwrite the middle of a round's shard."""
    store, path = open_store(corpus), f"rounds/00/shards/{shard}.tar"
    data = bytearray(store.read(path))
    for start in range(int(len(data) * (1 - share)), len(data) - 2048, 64):
        data[start : start + 32] = bytes(32)
    store.write(path, [bytes(data)])


def settings(**changes: object) -> RetrainSettings:
    """Small and quick, without soft places."""
    quick = {
        "tasks": ["<CAPTION>", "<OD>"], "steps": 6, "batch": 4, "targets": 2, "learning_rate": 1e-3, "warmup": 0,
        "location_spread": 0.0, "held_out": 0.2, "eval_images": 4, "eval_every": 100, "save_every": 3,
        "generate_every": None, "max_target_tokens": 32,
    }  # fmt: skip
    return RetrainSettings.model_validate(quick | changes)


def job(corpus: str, checkpoint: Path | str, name: str = "model", **changes: object) -> RetrainJob:
    return RetrainJob(corpus, 0, str(checkpoint), settings(**changes), name=name)
