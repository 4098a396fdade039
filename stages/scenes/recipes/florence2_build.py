"""An untrained florence2-nano: transformers' own Florence-2 classes with narrow layers, and its processor.

Three plain weight values help so small a model to learn places at all: wider
initial weights, row and column codes as large as the features they are added to, and neighbouring `<loc_i>` rows that
start out alike. The checkpoint stays a standard Florence-2.
"""

import json
import math
from collections.abc import Iterable
from typing import Any

from specialists.florence2_format import BINS

IMAGE_SIZE = 160
STRIDES = (4, 2, 2)
GRID = IMAGE_SIZE // math.prod(STRIDES)
IMAGE_TOKENS = 1 + GRID * GRID
POSITIONS = 384
VOCABULARY = 1000
INIT_STD = 0.06
LOCATION_CODE = 0.1
"""Amplitude of the smooth code that is added to the rows of the location tokens."""

_EXTRA = [
    "<od>", "</od>", "<ocr>", "</ocr>", *(f"<loc_{i}>" for i in range(BINS)), "<cap>", "</cap>", "<ncap>", "</ncap>",
    "<dcap>", "</dcap>", "<grounding>", "</grounding>", "<seg>", "</seg>", "<sep>", "<region_cap>", "</region_cap>",
    "<region_to_desciption>", "</region_to_desciption>", "<proposal>", "</proposal>", "<poly>", "</poly>", "<and>",
]  # fmt: skip
"""The 1,024 tokens of the released checkpoints, in their order (one is misspelt there)."""
_POST_TYPES = (
    "ocr", "phrase_grounding", "pure_text", "description_with_bboxes", "description_with_polygons", "polygons",
    "bboxes", "description_with_bboxes_or_polygons",
)  # fmt: skip


def build_processor(corpus: Iterable[str]) -> Any:
    """Florence2Processor with a byte-level BPE learned from `corpus`; any other text still has a spelling."""
    import transformers

    library: Any = transformers
    side = {"height": IMAGE_SIZE, "width": IMAGE_SIZE}
    images = library.CLIPImageProcessor(
        size=side, crop_size=side, do_center_crop=False, resample=3,
        image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225],
    )  # fmt: skip
    images.image_seq_length = IMAGE_TOKENS
    post: dict[str, dict[str, str]] = {kind: {} for kind in _POST_TYPES}
    return library.Florence2Processor(image_processor=images, tokenizer=_tokenizer(corpus), post_processor_config=post)


def _tokenizer(corpus: Iterable[str]) -> Any:
    import transformers
    from tokenizers import AddedToken, ByteLevelBPETokenizer

    library: Any = transformers
    trainer = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer.train_from_iterator(
        corpus, vocab_size=VOCABULARY, min_frequency=2, special_tokens=special, show_progress=False
    )
    learned = json.loads(trainer.to_str())["model"]
    merges = [tuple(merge) for merge in learned["merges"]]
    tokenizer = library.BartTokenizer(
        vocab=learned["vocab"], merges=merges, extra_special_tokens={"image_token": "<image>"}
    )
    tokenizer.add_tokens([AddedToken(t, special=True, normalized=False) for t in _EXTRA], special_tokens=True)
    return tokenizer


def build_model(processor: Any, seed: int) -> Any:
    """Florence2ForConditionalGeneration with the initialisation described above."""
    import torch
    from transformers import BartConfig, Florence2Config, Florence2ForConditionalGeneration
    from transformers.models.florence2.configuration_florence2 import Florence2VisionConfig

    tokenizer = processor.tokenizer
    vision = Florence2VisionConfig(
        depths=(0, 1, 1), patch_size=(7, 3, 3), patch_stride=STRIDES, patch_padding=(3, 1, 1),
        patch_prenorm=(False, True, True), embed_dim=(32, 64, 128), num_heads=(1, 2, 4), num_groups=(1, 2, 4),
        window_size=GRID, projection_dim=128, initializer_range=INIT_STD, drop_path_rate=0.0,
    )  # fmt: skip
    text = BartConfig(
        vocab_size=len(tokenizer), max_position_embeddings=POSITIONS, d_model=128, encoder_layers=1, decoder_layers=2,
        encoder_ffn_dim=256, decoder_ffn_dim=256, encoder_attention_heads=4, decoder_attention_heads=4,
        init_std=INIT_STD, dropout=0.0,
    )  # fmt: skip
    torch.manual_seed(seed)
    config = Florence2Config(text_config=text.to_dict(), vision_config=vision, image_token_id=tokenizer.image_token_id)
    config.pad_token_id = tokenizer.pad_token_id
    model = Florence2ForConditionalGeneration(config)
    with torch.no_grad():
        _code_places(model, tokenizer)
    return model


def _code_places(model: Any, tokenizer: Any) -> None:
    import torch

    position = model.model.multi_modal_projector.image_position_embed
    for table in (position.row_embeddings, position.column_embeddings):
        count, width = table.weight.shape
        table.weight.copy_(_waves(torch.arange(count), width))
    rows = model.get_input_embeddings().weight
    first = tokenizer.convert_tokens_to_ids("<loc_0>")
    smooth = _waves(torch.arange(BINS) / BINS * 50, rows.shape[1])
    rows[first : first + BINS] += LOCATION_CODE * smooth


def _waves(places: Any, width: int) -> Any:
    """Sines and cosines of falling frequency, [n, width], amplitude 1."""
    import torch

    half = width // 2
    frequency = torch.exp(-math.log(10000.0) * torch.arange(half) / half)
    angles = places[:, None].float() * frequency[None, :]
    return torch.cat([angles.sin(), angles.cos()], dim=1)
