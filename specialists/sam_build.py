"""A SAM of segment-anything's own modules, of any size, from a checkpoint that loads without pickle.

Comes in: a checkpoint file or a folder with one. Goes out: `segment_anything.modeling.Sam` in evaluation mode. The
library builds three sizes only (build_sam.py); here the sizes are data, so that a checkpoint of other widths, such as
the embedded one, goes through the same code. Its folder holds the numbers next to the weights:

    sam.json            {"image_size": 256, "encoder_dim": 96, "encoder_depth": 4, ...}
    model.safetensors   keys as in the official checkpoints, float32 or float16
"""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, ValidationError

from shards.settings import Settings
from specialists.roles import MissingRequirementError, SpecialistError
from specialists.weights import weight_file

if TYPE_CHECKING:
    import torch
    from segment_anything.modeling import Sam

BACKEND = "segment_anything"
ARCHITECTURE_FILE = "sam.json"

SamSize = Literal["vit_b", "vit_l", "vit_h"]


class SamArchitecture(Settings):
    """Sizes of a SAM; the defaults are those of ViT-B (segment_anything/build_sam.py)."""

    image_size: int = Field(1024, ge=16, description="images are scaled to this long side, px")
    patch_size: int = Field(16, ge=1, description="px; divides image_size")
    encoder_dim: int = Field(768, ge=1, description="width of the image encoder")
    encoder_depth: int = Field(12, ge=1, description="its layers")
    encoder_heads: int = Field(12, ge=1, description="its attention heads; divide encoder_dim")
    global_attention: list[int] = Field([2, 5, 8, 11], description="layers that attend to the whole image")
    window_size: int = Field(14, ge=0, description="the other layers attend to windows of so many patches")
    prompt_dim: int = Field(256, ge=8, description="width of the embeddings that encoder and decoder share")
    mask_channels: int = Field(16, ge=1, description="channels of the mask prompt's encoder")
    decoder_depth: int = Field(2, ge=1, description="layers of the mask decoder's transformer")
    decoder_heads: int = Field(8, ge=1, description="its attention heads")
    decoder_mlp_dim: int = Field(2048, ge=1, description="width of its feed-forward layers")
    iou_depth: int = Field(3, ge=1, description="layers of the head that predicts the mask's IoU")
    iou_hidden_dim: int = Field(256, ge=1, description="width of that head")


OFFICIAL: dict[SamSize, SamArchitecture] = {
    "vit_b": SamArchitecture(),
    "vit_l": SamArchitecture(encoder_dim=1024, encoder_depth=24, encoder_heads=16, global_attention=[5, 11, 17, 23]),
    "vit_h": SamArchitecture(encoder_dim=1280, encoder_depth=32, encoder_heads=16, global_attention=[7, 15, 23, 31]),
}


def build_sam(architecture: SamArchitecture) -> "Sam":
    """An untrained SAM on the CPU, in training mode."""
    import torch
    from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

    of = architecture
    side = of.image_size // of.patch_size
    return Sam(
        image_encoder=ImageEncoderViT(
            depth=of.encoder_depth,
            embed_dim=of.encoder_dim,
            img_size=of.image_size,
            mlp_ratio=4,
            norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
            num_heads=of.encoder_heads,
            patch_size=of.patch_size,
            qkv_bias=True,
            use_rel_pos=True,
            global_attn_indexes=tuple(of.global_attention),
            window_size=of.window_size,
            out_chans=of.prompt_dim,
        ),
        prompt_encoder=PromptEncoder(
            embed_dim=of.prompt_dim,
            image_embedding_size=(side, side),
            input_image_size=(of.image_size, of.image_size),
            mask_in_chans=of.mask_channels,
        ),
        mask_decoder=MaskDecoder(
            num_multimask_outputs=3,
            transformer=TwoWayTransformer(
                depth=of.decoder_depth,
                embedding_dim=of.prompt_dim,
                mlp_dim=of.decoder_mlp_dim,
                num_heads=of.decoder_heads,
            ),
            transformer_dim=of.prompt_dim,
            iou_head_depth=of.iou_depth,
            iou_head_hidden_dim=of.iou_hidden_dim,
        ),
    )


def load_sam(path: Path, size: SamSize | Literal["auto"] = "auto") -> "Sam":
    """The checkpoint at `path` (file or folder), float32, evaluation mode, CPU."""
    file = weight_file(BACKEND, path, (".safetensors", ".pth", ".pt"))
    state = _read_state(file)
    model = build_sam(_architecture(path, size, state))
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise SpecialistError(f"{BACKEND}: {file} does not fit its architecture: {_first_lines(error)}") from error
    return model.eval()


def _read_state(file: Path) -> "dict[str, torch.Tensor]":
    import pickle

    import torch

    if file.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(file)
    try:
        state: dict[str, torch.Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise SpecialistError(f"{BACKEND}: {file} is no state dict of tensors: {_first_lines(error)}") from error
    return state


def _architecture(path: Path, size: SamSize | Literal["auto"], state: "dict[str, torch.Tensor]") -> SamArchitecture:
    """From sam.json beside the weights, else the official size of that name, else the one of that encoder width."""
    beside = (path if path.is_dir() else path.parent) / ARCHITECTURE_FILE
    if size == "auto" and beside.is_file():
        try:
            return SamArchitecture.model_validate(json.loads(beside.read_bytes()))
        except (ValidationError, ValueError) as error:
            raise SpecialistError(f"{BACKEND}: {beside} is no SAM architecture: {error}") from error
    if size != "auto":
        return OFFICIAL[size]
    width = state["image_encoder.pos_embed"].shape[-1] if "image_encoder.pos_embed" in state else 0
    for architecture in OFFICIAL.values():
        if architecture.encoder_dim == width:
            return architecture
    raise MissingRequirementError(
        f"{BACKEND}: {path} is none of vit_b, vit_l, vit_h (encoder width {width}): put its sizes into {beside}"
    )


def _first_lines(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
