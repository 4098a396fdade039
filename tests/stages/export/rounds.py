"""A round of drawn scenes to export: objects with masks, words, texts and phrases, and a key that needs care."""

import hashlib
import io
from pathlib import Path

import msgspec
from PIL import Image

from shards.commit import ImageCounts
from shards.images import ImageRow, write_images
from shards.record import Record
from shards.rounds import IndexRow, write_round_shard
from shards.store import LocalStore
from stages.scenes.gold import draw_scene
from stages.scenes.settings import SceneSettings

COUNT, PER_SHARD = 8, 4


def build(folder: Path, bare: int = 0) -> list[Record]:
    """Two shards of four scenes; the sources lie beside the corpus. The second key has a dot, the third a folder.
    Nothing is known about the first `bare` of them."""
    store = LocalStore(str(folder / "corpus"))
    (folder / "photos").mkdir()
    records = []
    for shard in range(COUNT // PER_SHARD):
        samples = [_sample(folder, index, index < bare) for index in range(shard * PER_SHARD, (shard + 1) * PER_SHARD)]
        name = f"{shard:06d}"
        write_images(store, name, [(row, data) for row, _, data in samples])
        rows = [IndexRow(row.key, "", "image") for row, _, _ in samples]
        counts = ImageCounts(PER_SHARD, PER_SHARD)
        write_round_shard(store, 0, name, [(record, row.ext, data) for row, record, data in samples], rows, counts, "f")
        records += [record for _, record, _ in samples]
    return records


def _sample(folder: Path, index: int, bare: bool) -> tuple[ImageRow, Record, bytes]:
    scene = draw_scene(40, index, SceneSettings(size=160))
    buffer = io.BytesIO()
    kind = "png" if index % 2 else "jpg"
    Image.fromarray(scene.image).save(buffer, "PNG" if kind == "png" else "JPEG")
    data = buffer.getvalue()
    key = {1: "b.v2", 2: "sub/c"}.get(index, f"s{index}")
    source = folder / "photos" / f"{index}.{kind}"
    source.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    height, width = scene.image.shape[:2]
    row = ImageRow(key, str(source), sha256=digest, width=width, height=height, ext=kind)
    record = msgspec.structs.replace(scene.record, key=key, uri=str(source), sha256=digest)
    return row, msgspec.structs.replace(record, texts=[], regions=[], groundings=[]) if bare else record, data
