"""Trains sam-nano from nothing on generated scenes: segment-anything's own modules with narrow layers, box prompts.

python -m stages.recipes.embedded.sam_nano --cache CACHE --run RUN --out specialists/embedded/sam-nano
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specialists.masks import polygons_to_mask
from specialists.sam_build import ARCHITECTURE_FILE, SamArchitecture, build_sam
from specialists.segment_anything_sam import scale
from stages.recipes.embedded.card import write_card
from stages.recipes.embedded.data import TRAIN_SEED, Drawn, drawn_scenes
from stages.recipes.embedded.running import averaged, recipe_parser, single_thread

RECIPE = "stages.recipes.embedded.sam_nano"
ARCHITECTURE = SamArchitecture(
    image_size=256, patch_size=8, encoder_dim=64, encoder_depth=3, encoder_heads=2, global_attention=[2],
    window_size=8, prompt_dim=64, mask_channels=8, decoder_depth=2, decoder_heads=4, decoder_mlp_dim=128,
    iou_depth=2, iou_hidden_dim=64,
)  # fmt: skip
MASK_SIDE = 4 * ARCHITECTURE.image_size // ARCHITECTURE.patch_size


@dataclass(frozen=True)
class SamRecipe:
    """The numbers of the recipe."""

    seed: int = 1
    scenes: int = 3000
    steps: int = 1500
    batch: int = 6
    boxes: int = 3
    rate: float = 1e-3
    jitter: float = 0.08
    ema: float = 0.998


PLAN = SamRecipe()


@dataclass(frozen=True, eq=False)
class MaskedPictures:
    """pixels: per picture uint8 [h, w, 3] with long side 256. boxes: float32 [k, 4] px in it. masks: bool [k, M, M],
    the visible part at the decoder's resolution, padded to the square."""

    pixels: list[NDArray[np.uint8]]
    boxes: list[NDArray[np.float32]]
    masks: list[NDArray[np.bool_]]


def load_pictures(drawn: Iterable[Drawn]) -> MaskedPictures:
    """Scenes with at least one object, with their gold boxes and masks."""
    pixels, boxes, masks = [], [], []
    for scene in drawn:
        things = [region for region in scene.record.regions if region.kind == "object"]
        if not things:
            continue
        image = scale(scene.image(), ARCHITECTURE.image_size)
        factor = image.shape[1] / scene.record.width
        pixels.append(image)
        boxes.append(np.array([region.box for region in things], dtype=np.float32) * factor)
        fine = MASK_SIDE / ARCHITECTURE.image_size * factor
        rings = [[[value * fine for value in ring] for ring in region.polygons or []] for region in things]
        masks.append(np.stack([polygons_to_mask(polygons, MASK_SIDE, MASK_SIDE) for polygons in rings]))
    return MaskedPictures(pixels, boxes, masks)


def train(plan: SamRecipe, cache: Path, run: Path) -> Any:
    """The averaged model."""
    import torch

    single_thread()
    pictures = load_pictures(drawn_scenes(cache, TRAIN_SEED, 0, plan.scenes))
    torch.manual_seed(plan.seed)
    model = build_sam(ARCHITECTURE).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=plan.rate, betas=(0.9, 0.99), weight_decay=0.01)
    rng = np.random.default_rng([plan.seed, 1])

    def loss_of() -> Any:
        chosen = rng.integers(len(pictures.pixels), size=plan.batch)
        return _batch_loss(model, pictures, chosen, plan, rng)

    return averaged(model, loss_of, optimizer, plan, run)


def _batch_loss(model: Any, pictures: MaskedPictures, chosen: Any, plan: SamRecipe, rng: np.random.Generator) -> Any:
    """Images go through the encoder together; the decoder takes the boxes of one image at a time."""
    import torch

    tensors = [torch.from_numpy(pictures.pixels[i].copy()).permute(2, 0, 1).float() for i in chosen]
    features = model.image_encoder(torch.stack([model.preprocess(tensor) for tensor in tensors]))
    losses = []
    for row, i in enumerate(chosen):
        some = rng.permutation(len(pictures.boxes[i]))[: plan.boxes]
        boxes = torch.from_numpy(_jittered(pictures.boxes[i][some], plan.jitter, rng))
        truth = torch.from_numpy(pictures.masks[i][some]).float()
        sparse, dense = model.prompt_encoder(points=None, boxes=boxes, masks=None)
        logits, ious = model.mask_decoder(
            image_embeddings=features[row : row + 1],
            image_pe=model.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=False,
        )
        losses.append(_mask_loss(logits[:, 0], ious[:, 0], truth))
    return torch.stack(losses).mean()


def _jittered(boxes: NDArray[np.float32], jitter: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Boxes as a detector would give them: every edge off by up to `jitter` of its side."""
    sides = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    moved = boxes + sides * rng.uniform(-jitter, jitter, size=boxes.shape)
    return np.asarray(np.clip(moved, 0, ARCHITECTURE.image_size), dtype=np.float32)


def _mask_loss(logits: Any, ious: Any, truth: Any) -> Any:
    """Cross-entropy near the box's scale, dice, and the error of the predicted IoU."""
    import torch
    from torch.nn import functional

    area = truth.sum(dim=(1, 2)).clamp(min=16)
    cross = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none").sum(dim=(1, 2)) / area
    soft = logits.sigmoid()
    dice = 1 - 2 * (soft * truth).sum(dim=(1, 2)) / (soft.sum(dim=(1, 2)) + truth.sum(dim=(1, 2))).clamp(min=1)
    with torch.no_grad():
        said = logits > 0
        union = (said | (truth > 0.5)).sum(dim=(1, 2)).clamp(min=1)
        real = (said & (truth > 0.5)).sum(dim=(1, 2)) / union
    return (cross.clamp(max=20) + dice + functional.mse_loss(ious, real, reduction="none")).mean()


def save(model: Any, out: Path) -> None:
    """Weights in half precision and the sizes, as `specialists.sam_build` reads them."""
    import torch
    from safetensors.torch import save_file

    out.mkdir(parents=True, exist_ok=True)
    state = {name: value.to(torch.float16).contiguous() for name, value in model.state_dict().items()}
    save_file(state, out / "model.safetensors")
    (out / ARCHITECTURE_FILE).write_text(ARCHITECTURE.model_dump_json(indent=2) + "\n")


def main() -> None:
    """Command line of the recipe."""
    arguments = recipe_parser(__doc__).parse_args()
    model = train(PLAN, arguments.cache, arguments.run)
    save(model, arguments.out)
    write_card(arguments.out, RECIPE, PLAN, arguments.run, sum(w.numel() for w in model.parameters()))


if __name__ == "__main__":
    main()
