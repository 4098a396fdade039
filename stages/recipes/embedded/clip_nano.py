"""Trains clip-nano from nothing on generated scenes: transformers' CLIP with narrow layers, crops against phrases.

python -m stages.recipes.embedded.clip_nano --cache CACHE --run RUN --out specialists/embedded/clip-nano
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.record import Region
from stages.recipes.embedded.card import write_card
from stages.recipes.embedded.data import TRAIN_SEED, Drawn, drawn_scenes
from stages.recipes.embedded.running import NanoRecipe, averaged, recipe_parser, save_half, single_thread

RECIPE = "stages.recipes.embedded.clip_nano"
PLAN = NanoRecipe(seed=1, scenes=4000, steps=1200, batch=128, rate=1e-3, ema=0.998)
IMAGE_SIZE = 64
MAX_TOKENS = 32
WIDTH = 96
MARGINS = (0.0, 0.2)
"""Crops are taken with up to this much more on each side, as a share of the box."""


@dataclass(frozen=True, eq=False)
class Crops:
    """pixels: uint8 [n, 3, S, S]. phrases: of each crop, "a large striped red fish"."""

    pixels: NDArray[np.uint8]
    phrases: list[str]


def load_crops(drawn: Iterable[Drawn], seed: int) -> Crops:
    """Every object once, with a margin by lot, squeezed to the square that the processor makes."""
    from PIL import Image

    rng = np.random.default_rng([seed, 2])
    pixels, phrases = [], []
    for scene in drawn:
        image = Image.fromarray(scene.image())
        for region in scene.record.regions:
            if region.kind == "object":
                box = _widened(region, image.width, image.height, float(rng.uniform(*MARGINS)))
                crop = image.crop(box).resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BICUBIC)
                pixels.append(np.asarray(crop).transpose(2, 0, 1))
                phrases.append(region.candidates[1].text)
    return Crops(np.stack(pixels), phrases)


def _widened(region: Region, width: int, height: int, margin: float) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = region.box
    dx, dy = margin * (x1 - x0), margin * (y1 - y0)
    return max(0, round(x0 - dx)), max(0, round(y0 - dy)), min(width, round(x1 + dx)), min(height, round(y1 + dy))


def crop_phrase(phrase: str, rng: np.random.Generator) -> str:
    """One of the ways to speak of a crop: a label, with or without attributes, article or a bit of a sentence."""
    *attributes, kind = phrase.split()[1:]
    sizes, looks = (
        [a for a in attributes if a in ("small", "large")],
        [a for a in attributes if a not in ("small", "large")],
    )
    style = int(rng.integers(5))
    if style == 0:
        return kind
    words = [*looks, kind] if style in (1, 2) else [looks[-1], kind] if style == 3 else [*sizes, *looks, kind]
    named = " ".join(words)
    if style == 1:
        return named
    named = f"{'an' if named[0] in 'aeiou' else 'a'} {named}"
    tail = ("", "", " in a meadow", " on a street", " in the sea", " in a room", " at night")[int(rng.integers(7))]
    return named + tail


def build(corpus: Iterable[str], seed: int) -> tuple[Any, Any]:
    """An untrained CLIPModel and its processor."""
    import torch
    import transformers

    library: Any = transformers
    tokenizer = _tokenizer(corpus)
    side = {"height": IMAGE_SIZE, "width": IMAGE_SIZE}
    images = library.CLIPImageProcessor(size=side, crop_size=side, do_center_crop=False, resample=3)
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    layers = {"hidden_size": WIDTH, "intermediate_size": 3 * WIDTH, "num_attention_heads": 4, "projection_dim": WIDTH}
    config = library.CLIPConfig(
        text_config=layers | ends | {
            "vocab_size": len(tokenizer), "num_hidden_layers": 2, "max_position_embeddings": MAX_TOKENS,
            "pad_token_id": tokenizer.pad_token_id,
        },
        vision_config=layers | {"num_hidden_layers": 3, "image_size": IMAGE_SIZE, "patch_size": 8},
        projection_dim=WIDTH,
    )  # fmt: skip
    torch.manual_seed(seed)
    return library.CLIPModel(config), library.CLIPProcessor(image_processor=images, tokenizer=tokenizer)


def _tokenizer(corpus: Iterable[str]) -> Any:
    """CLIP's byte-level BPE (words end in </w>), learned from `corpus`."""
    import transformers
    from tokenizers import ByteLevelBPETokenizer, pre_tokenizers
    from tokenizers.trainers import BpeTrainer

    library: Any = transformers
    start, end = "<|startoftext|>", "<|endoftext|>"
    learner: Any = ByteLevelBPETokenizer(lowercase=True, end_of_word_suffix="</w>")
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = BpeTrainer(
        vocab_size=1200, special_tokens=[start, end], initial_alphabet=alphabet, end_of_word_suffix="</w>",
        show_progress=False,
    )  # fmt: skip
    learner._tokenizer.train_from_iterator(corpus, trainer=trainer)
    learned = json.loads(learner.to_str())["model"]
    merges = [tuple(merge) for merge in learned["merges"]]
    return library.CLIPTokenizer(vocab=numbered(learned["vocab"], merges, [start, end]), merges=merges)


def numbered(vocab: Iterable[str], merges: Sequence[tuple[str, str]], first: Sequence[str]) -> dict[str, int]:
    """Token -> id, the same on every run: `first`, single letters by name, merged ones as they were learned. The
    trainer numbers letters that end a word as its hash table has them, and other numbers are other initial weights."""
    joined = dict.fromkeys("".join(merge) for merge in merges)
    singles = sorted(set(vocab) - set(joined) - set(first))
    return {token: number for number, token in enumerate([*first, *singles, *joined])}


def train(plan: NanoRecipe, cache: Path, run: Path) -> tuple[Any, Any]:
    """The averaged model and its processor."""
    import torch

    single_thread()
    crops = load_crops(drawn_scenes(cache, TRAIN_SEED, 0, plan.scenes), plan.seed)
    rng = np.random.default_rng([plan.seed, 1])
    model, processor = build([crop_phrase(phrase, rng) for phrase in crops.phrases], plan.seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=plan.rate, betas=(0.9, 0.98), weight_decay=0.05)

    def loss_of() -> Any:
        chosen = rng.integers(len(crops.phrases), size=plan.batch)
        texts = [crop_phrase(crops.phrases[int(i)], rng) for i in chosen]
        return _contrast(model, processor, crops.pixels[chosen], texts)

    return averaged(model, loss_of, optimizer, plan, run), processor


def _contrast(model: Any, processor: Any, pixels: NDArray[np.uint8], texts: list[str]) -> Any:
    """CLIP's loss over the batch. Equal texts are all right answers of each other's crops."""
    import torch
    from torch.nn import functional

    images = processor.image_processor
    mean, deviation = (torch.tensor(v)[None, :, None, None] for v in (images.image_mean, images.image_std))
    shown = (torch.from_numpy(pixels).float() / 255 - mean) / deviation
    read = processor.tokenizer(texts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
    scores = model(pixel_values=shown, **read).logits_per_image
    equal = torch.tensor([[a == b for b in texts] for a in texts], dtype=torch.float32)
    right = equal / equal.sum(dim=1, keepdim=True)
    return (functional.cross_entropy(scores, right) + functional.cross_entropy(scores.T, right)) / 2


def main() -> None:
    """Command line of the recipe."""
    arguments = recipe_parser(__doc__).parse_args()
    model, processor = train(PLAN, arguments.cache, arguments.run)
    save_half(model, processor, arguments.out)
    write_card(arguments.out, RECIPE, PLAN, arguments.run, sum(w.numel() for w in model.parameters()))


if __name__ == "__main__":
    main()
