"""A model of transformers from a folder, whole or not at all.

Comes in: a class of transformers and a checkpoint folder. Goes out: the model in evaluation mode on its device. Weights
that a checkpoint lacks are made up by transformers, at random, with a warning; here that is an error:

    blip: weights/blip-itm lacks 52 of the weights of BlipForConditionalGeneration (text_decoder.bert.embeddings
    .LayerNorm.bias, ...): they would be made up. Take a checkpoint of that class

Weights that a checkpoint has beyond the model's (heads of other tasks) are left alone, as transformers does.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specialists.devices import quiet_transformers
from specialists.roles import SpecialistError

if TYPE_CHECKING:
    import torch

HARMLESS = re.compile(r"(?:.*\.)?(?:position_ids|num_batches_tracked|relative_position_index|inv_freq)")
"""Entries of older checkpoints that are counted out anew whenever a model is built, and a counter of training."""
SHOWN = 3


def load_model(backend: str, kind: Any, folder: Path, dtype: "torch.dtype") -> Any:
    """`kind.from_pretrained(folder)`, in evaluation mode on the CPU. kind: a model class of transformers, or an auto
    class. Raises SpecialistError for a folder that it cannot read, or whose weights are not all there."""
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError

    quiet_transformers()
    try:
        with _no_report():
            model, told = kind.from_pretrained(folder, dtype=dtype, local_files_only=True, output_loading_info=True)
    except (
        *(OSError, ValueError, RuntimeError, LookupError, SafetensorError),
        *(TypeError, AttributeError, ArithmeticError, StrictDataclassError),  # of a config.json of another kind
    ) as error:
        raise SpecialistError(
            f"{backend}: {folder} holds no {kind.__name__} that transformers can load ({first_line(error)}): it must be"
            " a folder of save_pretrained with config.json and weights"
        ) from error
    check_weights(backend, type(model).__name__, folder, told["missing_keys"], told["mismatched_keys"])
    return model.eval()


@contextmanager
def _no_report() -> Iterator[None]:
    """transformers logs a page about weights that do not match; what of it matters becomes an error here."""
    from transformers.utils import logging

    library_log: Any = logging
    before = library_log.get_verbosity()
    library_log.set_verbosity_error()
    try:
        yield
    finally:
        library_log.set_verbosity(before)


def check_weights(backend: str, model: str, folder: Path, missing: Any, misshapen: Any = ()) -> None:
    """Raise SpecialistError for weights of `model` that are not in the checkpoint, or there in another shape.
    missing: their names; misshapen: names, or tuples that begin with one."""
    names = {name for name in missing if not HARMLESS.fullmatch(name)}
    names |= {each if isinstance(each, str) else str(each[0]) for each in misshapen}
    if names:
        shown = ", ".join(sorted(names)[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
        raise SpecialistError(
            f"{backend}: {folder} lacks {len(names)} of the weights of {model} ({shown}): they would be made up. Take a"
            " checkpoint of that class"
        )


def model_config(backend: str, folder: Path) -> dict[str, Any]:
    """The checkpoint's config.json. Raises SpecialistError if it is not there, or no JSON object."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SpecialistError(f"{backend}: {folder} must be a checkpoint with a config.json: {error}") from error
    if not isinstance(config, dict):
        raise SpecialistError(f"{backend}: {path} must hold an object, got {type(config).__name__}")
    return config


def first_line(error: Exception) -> str:
    """What a library says, without the pages that follow."""
    return str(error).strip().split("\n", 1)[0][:300]
