"""Which preset goes with a checkpoint: by its size, and by what was done to it before.

Comes in: settings and the folder that training starts from. Goes out: the settings with a preset that fits:

    width 128 (the embedded model and its kind)      nano
    width 768 or more, trained by somebody           finetune
    untrained (`fld init`), width 768 or 1024        base, large
    trained here                                     as before; after base or large, which begin from nothing: finetune

Numbers of one size ruin a model of another: the toy's rate is twenty times that of a released checkpoint, and its bell
around places un-teaches what that knows. A preset that does not fit is an error that names both.
"""

import json
from pathlib import Path
from typing import Any, Literal

from specialists.loading import model_config
from stages.retrain.data import RetrainError
from stages.retrain.job import TRAINING_FILE
from stages.retrain.presets import Preset
from stages.retrain.settings import RetrainSettings

UNTRAINED_FILE = "untrained.json"
"""Beside a checkpoint of `fld init`; a trained one has none."""
WIDE = 512
"""Narrower models are toys: the embedded one has 128, the released ones 768 and 1,024."""
WIDTHS: dict[Preset, tuple[int, ...]] = {"base": (768,), "base_768": (768,), "large": (1024,), "large_768": (1024,)}
Origin = Literal["untrained", "trained"]


def fitted(settings: RetrainSettings, folder: Path) -> RetrainSettings:
    """The settings with a preset for the checkpoint in `folder`: its own if it is set and fits.

    Raises RetrainError for one that does not."""
    width = _width(model_config("fld retrain", folder))
    origin: Origin = "untrained" if (folder / UNTRAINED_FILE).is_file() else "trained"
    suited = _suited(width, origin, _before(folder))
    wanted = settings.preset
    if wanted is None:
        return settings.model_copy(update={"preset": suited})
    if not _fits(wanted, width, origin):
        raise RetrainError(
            f"loop.retrain.preset is {wanted}, which is for {_meant(wanted)}, and {folder} is an {origin} Florence-2 of"
            f" width {width}: set loop.retrain.preset={suited}, or to null, which follows the checkpoint".replace(
                "an trained", "a trained"
            )
        )
    return settings


def mark_untrained(folder: Path) -> None:
    """What `fld init` writes beside its weights."""
    (folder / UNTRAINED_FILE).write_text('{"untrained": true}\n', encoding="utf-8")


def _suited(width: int, origin: Origin, before: Preset | None) -> Preset:
    if width < WIDE:
        return "nano"
    if origin == "untrained":
        return "large" if width in WIDTHS["large"] else "base"
    return "finetune" if before is None or before in WIDTHS else before


def _fits(preset: Preset, width: int, origin: Origin) -> bool:
    if preset == "nano":
        return width < WIDE
    if preset == "finetune":
        return width >= WIDE and origin == "trained"
    return width in WIDTHS[preset]


def _meant(preset: Preset) -> str:
    if preset == "nano":
        return f"models as small as the embedded one (width below {WIDE})"
    if preset == "finetune":
        return f"trained checkpoints (width {WIDE} or more)"
    return f"models of width {WIDTHS[preset][0]}"


def _before(folder: Path) -> Preset | None:
    """The preset of the training that made the checkpoint; None for one that was not made here."""
    try:
        told: Any = json.loads((folder / TRAINING_FILE).read_bytes())
        preset: Preset | None = told["settings"]["preset"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return preset


def _width(config: dict[str, Any]) -> int:
    text = config.get("text_config")
    return int(text.get("d_model", 768)) if isinstance(text, dict) else 768
