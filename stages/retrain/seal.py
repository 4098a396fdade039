"""Checksums of a trained model, so that `fld verify` sees when a disk has changed it.

Comes in: the folder of a model that is complete, but not yet in its place. Goes out: `manifest/model.json` in it.
"""

from pathlib import Path

from shards import commit
from shards.layout import MODEL
from shards.store import LocalStore


def seal_model(folder: Path, job: str) -> None:
    """All files at the top of `folder`; what is in `trainer/` is not the model. job: hash of what was trained."""
    names = sorted(file.name for file in folder.iterdir() if file.is_file())
    commit.seal(LocalStore(folder.parent), folder.name, MODEL, names, job)
