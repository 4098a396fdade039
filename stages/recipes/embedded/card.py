"""card.json beside a checkpoint: how it was trained. `measure` adds what it can do."""

import json
from dataclasses import asdict
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from stages.recipes.embedded.data import TRAIN_SEED
from stages.scenes.settings import VERSION

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

LIBRARIES = ("torch", "transformers", "ultralytics", "segment-anything")


def write_card(out: Path, recipe: str, plan: "DataclassInstance", run: Path, parameters: int) -> None:
    """Replaces the card in `out`. Minutes are those of the processor, over all processes that wrote the run's log."""
    seconds = [json.loads(line)["cpu_s"] for line in (run / "log.jsonl").read_text().splitlines()]
    weights = [path for path in out.iterdir() if path.suffix in (".safetensors", ".pt")]
    card = {
        "name": out.name,
        "recipe": recipe,
        "plan": asdict(plan),
        "train_seed": TRAIN_SEED,
        "scenes_version": VERSION,
        "parameters": parameters,
        "weight_bytes": sum(path.stat().st_size for path in weights),
        "cpu_minutes": round(cpu_seconds(seconds) / 60, 1),
        "libraries": {name: _version(name) for name in LIBRARIES},
    }
    (out / "card.json").write_text(json.dumps(card, indent=1) + "\n")


def cpu_seconds(log: list[float]) -> float:
    """Each process counts from 0 again: the last number of each, summed."""
    return sum(now for now, following in pairwise([*log, 0.0]) if following < now)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
