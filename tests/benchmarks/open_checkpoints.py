"""Checkpoints for the whole profile `open` with random weights of full size, to run it without a download.

    python -m tests.benchmarks.open_checkpoints WEIGHTS > mine.yaml         2.6 GB; a config that extends open
    fld run photos/ corpus --config mine.yaml

What models of random weights say is nonsense, so its amount is set here: captions of 40 tokens, no place for any phrase
(left alone, Grounding DINO finds 30,000), masks of some thousand corners. DETR's hundred boxes fall together into one,
so crops, matches and masks look at words, too. What Florence-2 writes depends on the place in the answer only; SAM's
masks are flat over 4 x 4 of their pixels.
"""

import re
import sys
from pathlib import Path
from typing import Any

from tests.benchmarks.base_checkpoints import save_detr_r50, save_florence2_base
from tests.benchmarks.full_checkpoints import save_clip_b32, save_groundingdino_tiny, save_sam_base

TOKENS = 40
END = 2
"""Id of the token that ends an answer, and begins one."""


def save_open(folder: Path) -> str:
    """Writes all of them; the YAML that names them."""
    import torch

    torch.manual_seed(0)
    written = {
        "captioner": save_florence2_base(folder / "florence2"),
        "detector": save_detr_r50(folder / "detr"),
        "phrases": save_groundingdino_tiny(folder / "groundingdino"),
        "masks": save_sam_base(folder / "sam"),
        "matches": save_clip_b32(folder / "clip"),
    }
    _stop_after(written["captioner"], TOKENS)
    _find_nothing(written["phrases"])
    _flatten_masks(written["masks"])
    written["crops"] = written["captioner"]
    lines = []
    for name, weights in written.items():
        boxes = ", boxes: {kinds: [object, ocr]}" if name in ("crops", "masks", "matches") else ""
        lines.append(f"  {name}: {{specialist: {{weights: {weights}, revision: null}}{boxes}}}")
    return "\n".join(["extends: open", "annotators:", *lines, ""])


def _stop_after(folder: Path, tokens: int) -> None:
    import torch
    import transformers

    library: Any = transformers
    model = library.Florence2ForConditionalGeneration.from_pretrained(folder)
    with torch.no_grad():
        words = model.get_input_embeddings().weight
        vocabulary = library.AutoTokenizer.from_pretrained(folder).get_vocab()
        spoken = [place for token, place in vocabulary.items() if re.fullmatch("\u0120?[a-z]+", token)]  # letters
        words[[place for place in range(len(words)) if place not in spoken]] = 0.0
        to_end = torch.randn(words.shape[1])
        words[END] = 0.02 * to_end
        places = model.model.language_model.decoder.embed_positions.weight
        places[:] = torch.randn(places.shape) - to_end  # a word of its own for each; what starts an answer ends it, too
        places[tokens + 2 :] = 10.0 * to_end  # BART's positions begin at 2
    model.save_pretrained(folder)


def _find_nothing(folder: Path) -> None:
    """Every word at every place scores sigmoid(-4): text and picture point in opposite directions."""
    import torch
    import transformers

    library: Any = transformers
    model = library.GroundingDinoForObjectDetection.from_pretrained(folder)
    with torch.no_grad():
        places, words = (
            model.model.decoder.layer_norm,
            model.model.encoder.layers[-1].text_enhancer_layer.layer_norm_after,
        )
        direction = torch.nn.functional.normalize(torch.randn(places.bias.shape), dim=0)
        places.weight *= 0.05
        words.weight *= 0.1
        places.bias[:], words.bias[:] = -4.0 * direction, direction
    model.save_pretrained(folder)


def _flatten_masks(folder: Path) -> None:
    import torch
    import transformers

    library: Any = transformers
    model = library.SamModel.from_pretrained(folder)
    with torch.no_grad():
        for layer in (model.mask_decoder.upscale_conv1, model.mask_decoder.upscale_conv2):
            layer.weight[:] = layer.weight.mean(dim=(2, 3), keepdim=True)
    model.save_pretrained(folder)


if __name__ == "__main__":
    sys.stdout.write(save_open(Path(sys.argv[1]).absolute()))
