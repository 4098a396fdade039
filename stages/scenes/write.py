"""Writes scenes as a folder that `fld ingest` reads.

OUT/images/000000.jpg ...   the pictures
OUT/gold.jsonl              one gold record (`shards.record`) per line, key "000000" as ingest gives it
OUT/noisy.jsonl             with noise: a list for `fld ingest` with given annotations of known error rates
OUT/noise.json              with noise: the errors that were really made
"""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from shards.record import Record, encode
from stages.scenes.gold import Scene, draw_scene
from stages.scenes.noise import NoiseCounts, is_labelled, noisy_given
from stages.scenes.settings import NoiseSettings, SceneSettings

JPEG_QUALITY = 92


@dataclass(frozen=True)
class WrittenScenes:
    """What `write_scenes` left in the folder."""

    scenes: int
    objects: int
    words: int
    noise: NoiseCounts | None


def write_scenes(
    out_dir: Path | str,
    count: int,
    seed: int,
    settings: SceneSettings | None = None,
    noisy: NoiseSettings | None = None,
) -> WrittenScenes:
    """Draw scenes 0..count-1 of `seed` into `out_dir`. Files of the same names are replaced; raises ValueError for a
    count below 1, and FileExistsError when the folder holds pictures beyond `count` that would not match the gold."""
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    out, settings = Path(out_dir), settings or SceneSettings()
    images = out / "images"
    images.mkdir(parents=True, exist_ok=True)
    _refuse_strangers(images, count)
    records: list[Record] = []
    for index in range(count):
        name = f"{index:06d}"
        data, record = _encoded(draw_scene(seed, index, settings), name)
        (images / f"{name}.jpg").write_bytes(data)
        records.append(record)
    (out / "gold.jsonl").write_bytes(b"".join(encode(record) + b"\n" for record in records))
    tally = _write_noisy(out, records, seed, noisy) if noisy else None
    objects = sum(region.kind == "object" for record in records for region in record.regions)
    return WrittenScenes(count, objects, sum(len(record.regions) for record in records) - objects, tally)


def _refuse_strangers(images: Path, count: int) -> None:
    expected = {f"{index:06d}.jpg" for index in range(count)}
    strangers = sorted(path.name for path in images.iterdir() if path.name not in expected)
    if strangers:
        raise FileExistsError(
            f"{images} holds {len(strangers)} files that are not of these {count} scenes, such as {strangers[0]}:"
            " choose an empty folder or remove them"
        )


def _encoded(scene: Scene, name: str) -> tuple[bytes, Record]:
    """The picture as a JPEG, and its gold under the key that ingest gives the file."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(scene.image).save(buffer, "JPEG", quality=JPEG_QUALITY)
    data = buffer.getvalue()
    digest = hashlib.sha256(data).hexdigest()
    return data, msgspec.structs.replace(scene.record, key=name, uri=f"images/{name}.jpg", sha256=digest)


def _write_noisy(out: Path, records: list[Record], seed: int, settings: NoiseSettings) -> NoiseCounts:
    """noisy.jsonl and noise.json. A picture that nobody labelled has no `given`; a wrong caption is the one of the next
    picture that has another caption."""
    tally, lines = NoiseCounts(), []
    for index, record in enumerate(records):
        row = {"uri": record.uri, "key": record.key, "width": record.width, "height": record.height}
        if is_labelled(seed, index, settings):
            other = next(_others(records, index), record)
            row["given"] = noisy_given(record, other, seed, index, settings, tally)
        else:
            tally.unlabelled += 1
        lines.append(msgspec.json.encode(row) + b"\n")
    (out / "noisy.jsonl").write_bytes(b"".join(lines))
    made = {"seed": seed, "rates": settings.model_dump(), "made": asdict(tally)}
    (out / "noise.json").write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=2) + b"\n")
    return tally


def _others(records: list[Record], index: int) -> Iterator[Record]:
    brief = records[index].texts[0].text
    rotated = records[index + 1 :] + records[:index]
    return (record for record in rotated if record.texts[0].text != brief)
