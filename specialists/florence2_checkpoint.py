"""A Florence-2 and its processor from a folder: the one place that annotators and the trainer load it from.

Comes in: a `save_pretrained` folder of transformers' own classes. Goes out: (model, processor). The original folders of
`microsoft/` hold the same weights under other names, with code of their own beside them, which is never run here:

    florence2: weights/Florence-2-large is in Microsoft's original format: take florence-community/Florence-2-large, ...
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from specialists.loading import first_line, load_model, model_config
from specialists.roles import SpecialistError

if TYPE_CHECKING:
    import torch

BACKEND = "florence2"
LARGE_WIDTH = 1024
"""Of the language part; the base model's is 768."""


def load_florence2(folder: Path, dtype: "torch.dtype") -> tuple[Any, Any]:
    """(model, processor), on the CPU, in evaluation mode. Raises SpecialistError for a folder that holds no whole
    Florence-2 of transformers' own kind."""
    import transformers

    library: Any = transformers
    check_kind(folder)
    model = load_model(BACKEND, library.Florence2ForConditionalGeneration, folder, dtype)
    try:
        return model, library.AutoProcessor.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise SpecialistError(f"{BACKEND}: {folder} holds no processor of a Florence-2: {first_line(error)}") from error


def check_kind(folder: Path) -> None:
    """Raise SpecialistError unless config.json is that of a Florence-2 of transformers' own kind."""
    config = model_config(BACKEND, folder)
    kind = config.get("model_type")
    if kind != "florence2":
        raise SpecialistError(
            f"{BACKEND}: {folder} must hold a Florence-2 (model_type florence2 in config.json), got {kind!r}"
        )
    if not _is_original(config):
        return
    name = f"florence-community/Florence-2-{'large' if _width(config) == LARGE_WIDTH else 'base'}"
    raise SpecialistError(
        f"{BACKEND}: {folder} is in Microsoft's original format, which needs code of its own: take {name} (or {name}-ft"
        " for the fine-tuned one), the same weights for transformers' own classes"
    )


def _is_original(config: dict[str, Any]) -> bool:
    text, vision = (config.get(part) or {} for part in ("text_config", "vision_config"))
    return text.get("model_type") == "florence2_language" or vision.get("model_type") == "davit"


def _width(config: dict[str, Any]) -> Any:
    return (config.get("text_config") or {}).get("d_model") or config.get("projection_dim")
