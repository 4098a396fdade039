"""card.json beside a checkpoint: how it was trained. `measure` adds what it can do."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from stages.recipes.embedded.data import TRAIN_SEED
from stages.scenes.settings import VERSION

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

TRAINED = ("recipe", "plan", "cpu_minutes", "device", "wall_minutes", "libraries", "note", "before")
"""What a card says of how a checkpoint was trained; `before`: the same of the training that it began with."""
LIBRARIES = ("torch", "transformers", "ultralytics", "segment-anything")


def write_card(
    out: Path,
    recipe: str,
    plan: "DataclassInstance",
    run: Path,
    parameters: int,
    before: Mapping[str, object] | None = None,
    where: Mapping[str, object] | None = None,
) -> None:
    """Replaces the card in `out`. Minutes are those of the processor, over all processes that wrote the run's log.
    before: the card of the checkpoint that training began with; where: device, wall_minutes and note of a run on more
    than one core."""
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
    card |= where or {}
    if before is not None:
        card["before"] = {name: before[name] for name in TRAINED if name in before}
    (out / "card.json").write_text(json.dumps(card, indent=1) + "\n")


def cpu_seconds(log: list[float]) -> float:
    """Each process counts from 0 again: the last number of each, summed."""
    return sum(now for now, following in pairwise([*log, 0.0]) if following < now)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
