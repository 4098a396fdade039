"""The model that is trained: loaded from a checkpoint, prepared as the settings say, and exported again.

Comes in: a `save_pretrained` folder. Goes out: transformers' Florence-2 in float32 with its processor, ready to train;
and, from a state dict of it, a `save_pretrained` folder that anyone loads with transformers: adapters are merged, the
names are the library's own.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from specialists.decoding import own_decoding
from specialists.florence2_checkpoint import load_florence2
from specialists.roles import SpecialistError
from specialists.weights import require_package
from stages.retrain.data import RetrainError
from stages.retrain.presets import Recipe

SHARDED = ("FSDP", "DEEPSPEED")
"""Kinds of training that spread the weights over processes, in accelerate's names."""
LORA_TARGETS = r".*language_model\..*\.(q_proj|k_proj|v_proj|out_proj|fc1|fc2)"
"""Names of the native model: attention and feed-forward of BART."""


def load_for_training(folder: Path, recipe: Recipe) -> tuple[Any, Any]:
    """(model, processor). Weights are float32 whatever the checkpoint's: in half precision steps of 1e-6 are lost.

    Raises RetrainError for a folder that holds no whole Florence-2 of transformers' own kind."""
    import torch

    try:
        model, processor = load_florence2(folder, torch.float32)
    except SpecialistError as error:
        raise RetrainError(f"cannot train {folder}: {error}") from error
    if recipe.image_size is not None:
        _resize(model, processor, recipe.image_size)
    return model, processor


def check_sharding(kind: str, recipe: Recipe) -> None:
    """kind: accelerate's distributed type. Raises RetrainError for what needs whole weights in every process."""
    wanted = [name for name, value in (("ema", recipe.ema), ("lora", recipe.lora)) if value]
    if kind in SHARDED and wanted:
        raise RetrainError(
            f"{' and '.join(wanted)} cannot be used where {kind} spreads the weights over processes:"
            f" set loop.retrain.{'=0, loop.retrain.'.join(wanted)}=0, or train without {kind}"
        )


def prepare_model(model: Any, recipe: Recipe) -> None:
    """Freeze, add adapters, recompute activations: what the recipe says, in place."""
    if recipe.lora:
        _add_lora(model, recipe.lora)
    if recipe.freeze_vision:
        model.model.vision_tower.requires_grad_(False)
    if recipe.gradient_checkpointing:
        model.activation_checkpointing_enable({"use_reentrant": False})


def train_mode(module: Any, model: Any, recipe: Recipe) -> None:
    """Dropout and drop path on, except in a tower that is not trained. module: what wraps `model`."""
    module.train()
    if recipe.freeze_vision:
        model.model.vision_tower.eval()


def parameter_groups(model: Any, weight_decay: float) -> list[dict[str, Any]]:
    """Matrices decay; biases, norms and other vectors do not."""
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    return [
        {"params": [weight for weight in trained if weight.ndim > 1], "weight_decay": weight_decay},
        {"params": [weight for weight in trained if weight.ndim <= 1], "weight_decay": 0.0},
    ]


def token_room(model: Any, processor: Any) -> tuple[int, int]:
    """(tokens of a question, tokens of an answer) that fit, `<s>` and `</s>` included."""
    positions = int(model.config.text_config.max_position_embeddings)
    return positions - int(processor.num_image_tokens), positions


def save_trained(checkpoint: Path, recipe: Recipe, state: Mapping[str, Any], out: Path) -> None:
    """Write the trained weights `state` (of a model that `prepare_model` has changed) as a `save_pretrained` folder."""
    import torch

    with torch.random.fork_rng(devices=[]):  # what loading draws must not shift the dropout of the run
        model, processor = load_for_training(checkpoint, recipe)
        if recipe.lora:
            adapted = _add_lora(model, recipe.lora)
            model.load_state_dict(state)
            model = adapted.merge_and_unload()
        else:
            model.load_state_dict(state)
    own_decoding(model)  # what the checkpoint asked of answers was not obeyed, and must not be handed on
    model.save_pretrained(out)
    backend = processor.tokenizer.backend_tokenizer
    backend.no_truncation()  # a tokenizer that once cut or padded would save that, and cut image tokens when reloaded
    backend.no_padding()
    processor.save_pretrained(out)


def _add_lora(model: Any, rank: int) -> Any:
    """peft's wrapper; the adapters are put into `model` itself. The projector is trained whole."""
    require_package("fld retrain with lora", "peft", "train")
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules=LORA_TARGETS)
    adapted = get_peft_model(model, config)
    model.model.multi_modal_projector.requires_grad_(True)
    return adapted


def _resize(model: Any, processor: Any, side: int) -> None:
    """Another input size: position codes of the grid are learned up to 50 x 50 cells and need no change."""
    import math

    square = {"height": side, "width": side}
    cells = side
    for stride in model.config.vision_config.patch_stride:
        cells = math.ceil(cells / stride)
    limit = int(model.config.vision_config.max_position_embeddings)
    if cells > limit:
        raise RetrainError(f"image_size {side} gives {cells} x {cells} cells, the checkpoint has positions for {limit}")
    images = processor.image_processor
    images.size, images.crop_size = square, square
    images.image_seq_length = 1 + cells * cells
    processor.num_image_tokens = images.image_seq_length
