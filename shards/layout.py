"""Names inside a corpus folder.

    images/000000.tar  images/000000.parquet  images/manifest/000000.json
    raw/<annotator>-<fingerprint>/000000.parquet  raw/<annotator>-<fingerprint>/manifest/000000.json
    rounds/00/shards/000000.tar  rounds/00/index/000000.parquet  rounds/00/summary/000000.parquet
    rounds/00/manifest/000000.json

    calibration/gold.json  calibration/manifest/gold.json
    reviews/000000-20261126T101500123456-9f3c.parquet  reviews/manifest/000000-20261126T101500123456-9f3c.json
    texts/<parser>/000000.facts  texts/<parser>/manifest/000000.json

  rounds/00/model/model.safetensors ...  rounds/00/model/manifest/model.json

A *unit* is one shard in one of the folders `images`, `raw/...`, `rounds/NN`, or a
model. It is done when its manifest exists; a model of an older release has none.
"""

import re

IMAGES = "images"
RAW = "raw"
ROUNDS = "rounds"
MODEL = "model"
CALIBRATION = "calibration"
REVIEWS = "reviews"
TEXTS = "texts"
_ANNOTATOR = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def shard_name(number: int) -> str:
    """`shard_name(7)` is "000007"; a million shards fit in the sorted order of names."""
    if number < 0:
        raise ValueError(f"shard number must be at least 0, got {number}")
    return f"{number:06d}"


def raw_folder(annotator: str, fingerprint: str) -> str:
    """`raw_folder("detector", "3fa9c1")` is "raw/detector-3fa9c1"."""
    for name, value in (("annotator", annotator), ("fingerprint", fingerprint)):
        if not _ANNOTATOR.fullmatch(value):
            raise ValueError(f"{name} must be letters, digits, '_', '-' and '.', got {value!r}")
    return f"{RAW}/{annotator}-{fingerprint}"


def texts_folder(parser: str) -> str:
    """What the parser of that hash found in texts: `texts_folder("3fa9c1")` is "texts/3fa9c1"."""
    return f"{TEXTS}/{parser}"


def round_folder(number: int) -> str:
    """`round_folder(0)` is "rounds/00"."""
    if number < 0:
        raise ValueError(f"round must be at least 0, got {number}")
    return f"{ROUNDS}/{number:02d}"


def index_file(shard: str) -> str:
    """The index of a shard, relative to its round's folder."""
    return f"index/{shard}.parquet"


def summary_file(shard: str) -> str:
    """The summary of a shard, relative to its round's folder."""
    return f"summary/{shard}.parquet"


def originals_file(shard: str) -> str:
    """The image shard as it is linked into a round, relative to the round's folder."""
    return f"originals/{shard}.tar"


def round_tar(number: int, shard: str) -> str:
    """The samples of a shard of a round."""
    return f"{round_folder(number)}/shards/{shard}.tar"


def tar_path(shard: str) -> str:
    """The original bytes of an image shard."""
    return f"{IMAGES}/{shard}.tar"


def manifest_path(folder: str, name: str) -> str:
    """The done-marker of a unit."""
    return f"{folder}/manifest/{name}.json"
