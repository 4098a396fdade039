"""A SAM with random weights, small enough to run in milliseconds, in the files that its users have."""

from pathlib import Path

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
    model = build_sam(TINY)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    torch.save(model.state_dict(), folder / "model.pth")
    (folder / ARCHITECTURE_FILE).write_text(TINY.model_dump_json())
    return folder
