"""A SAM with random weights, small enough to run in milliseconds, in the files that its users have."""

from pathlib import Path
from typing import Any

import torch

from specialists.sam_build import ARCHITECTURE_FILE, SamArchitecture, build_sam

TINY = SamArchitecture(
    image_size=64,
    patch_size=8,
    encoder_dim=16,
    encoder_depth=2,
    encoder_heads=2,
    global_attention=[1],
    window_size=4,
    prompt_dim=16,
    mask_channels=4,
    decoder_depth=1,
    decoder_heads=2,
    decoder_mlp_dim=32,
    iou_hidden_dim=16,
)


def write_tiny_sam(folder: Path) -> Path:
    """A folder with sam.json and model.pth; the masks of such weights are nonsense, but neither empty nor full."""
    torch.manual_seed(1)
    model = _spread(build_sam(TINY))
    torch.save(model.state_dict(), folder / "model.pth")
    (folder / ARCHITECTURE_FILE).write_text(TINY.model_dump_json())
    return folder


def write_tiny_sam_hf(folder: Path) -> Path:
    """transformers' SAM: save_pretrained folder with its processor."""
    from transformers import SamConfig, SamImageProcessor, SamModel, SamProcessor

    config = SamConfig(
        vision_config={
            "hidden_size": 16,
            "output_channels": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 64,
            "patch_size": 8,
            "window_size": 4,
            "global_attn_indexes": [1],
            "mlp_dim": 32,
            "num_pos_feats": 8,
        },
        prompt_encoder_config={"hidden_size": 16, "image_size": 64, "patch_size": 8, "mask_input_channels": 4},
        mask_decoder_config={
            "hidden_size": 16,
            "mlp_dim": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 16,
        },
    )
    torch.manual_seed(1)
    _spread(SamModel(config)).save_pretrained(folder)
    size = {"height": 64, "width": 64}
    make: Any = SamProcessor  # untyped
    make(
        SamImageProcessor(size={"longest_edge": 64}, pad_size=size, mask_size={"longest_edge": 16}, mask_pad_size=size)
    ).save_pretrained(folder)
    return folder


def write_tiny_sam2_hf(folder: Path) -> Path:
    """transformers' SAM 2 with a Hiera backbone."""
    from transformers import Sam2Config, Sam2ImageProcessor, Sam2Model, Sam2Processor

    config = Sam2Config(
        vision_config={
            "backbone_config": {
                "model_type": "sam2_hiera_det_model",
                "hidden_size": 8,
                "num_attention_heads": 1,
                "blocks_per_stage": [1, 1, 2, 1],
                "embed_dim_per_stage": [8, 16, 32, 64],
                "num_attention_heads_per_stage": [1, 2, 4, 8],
                "window_size_per_stage": [4, 4, 2, 2],
                "global_attention_blocks": [3],
                "image_size": [64, 64],
                "window_positional_embedding_background_size": [2, 2],
            },
            "backbone_channel_list": [64, 32, 16, 8],
            "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
            "fpn_hidden_size": 32,
        },
        prompt_encoder_config={"hidden_size": 32, "image_size": 64, "patch_size": 16, "mask_input_channels": 4},
        mask_decoder_config={
            "hidden_size": 32,
            "mlp_dim": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 16,
        },
    )
    torch.manual_seed(1)
    _spread(Sam2Model(config)).save_pretrained(folder)
    Sam2Processor(Sam2ImageProcessor(size={"height": 64, "width": 64})).save_pretrained(folder)
    return folder


def _spread(model: torch.nn.Module) -> Any:
    """Larger random weights: with the usual small ones every mask is empty or full."""
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    return model
