"""An untrained Florence-2 to start from: transformers' own classes in the sizes below, random weights.

Comes in: a size, texts to learn a tokenizer from (or a checkpoint's tokenizer), a seed. Goes out: a `save_pretrained`
folder that `fld retrain --from`, or anyone with transformers, loads. Equal texts, size and seed give equal weights.

    base and large    the paper's (Florence-2, arXiv 2311.06242: DaViT and BART, 0.23 and 0.77 billion parameters);
                      initial weights as transformers draws them
    nano              the embedded model's. So narrow a model learns places only with wider initial weights, and with
                      row and column codes as large as the features they are added to

Neighbouring `<loc_i>` can start out alike (`ordinal_locations`); what that is worth is in docs/retrain.md.
All of it is plain weight values: the checkpoint stays a standard Florence-2.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from shards.record import Record
from specialists.florence2_format import BINS
from specialists.weights import locate
from stages.codec.encode import lessons
from stages.codec.settings import CodecSettings
from stages.retrain.data import RetrainError
from stages.retrain.fit import mark_untrained

Size = Literal["nano", "base", "large"]

EXTRA_TOKENS = (
    "<od>", "</od>", "<ocr>", "</ocr>", *(f"<loc_{i}>" for i in range(BINS)), "<cap>", "</cap>", "<ncap>", "</ncap>",
    "<dcap>", "</dcap>", "<grounding>", "</grounding>", "<seg>", "</seg>", "<sep>", "<region_cap>", "</region_cap>",
    "<region_to_desciption>", "</region_to_desciption>", "<proposal>", "</proposal>", "<poly>", "</poly>", "<and>",
)  # fmt: skip
"""The 1,024 tokens of the released checkpoints, in their order (one is misspelt there)."""
_FIRST_TOKENS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
_POST_TYPES = (
    "ocr", "phrase_grounding", "pure_text", "description_with_bboxes", "description_with_polygons", "polygons",
    "bboxes", "description_with_bboxes_or_polygons",
)  # fmt: skip
_TOKENS = re.compile(r"(?:</?\w+>)+")


@dataclass(frozen=True)
class Architecture:
    """image_size: side in pixels; stages: fields of Florence2VisionConfig; language: fields of BartConfig; vocabulary:
    tokens learned at most; location_code: amplitude of the code of the location tokens, some 1.7 times the deviation of
    the initial weights; grid_codes: whether the codes of rows and columns start as waves of amplitude 1."""

    image_size: int
    stages: dict[str, Any]
    language: dict[str, Any]
    vocabulary: int
    location_code: float
    grid_codes: bool

    @property
    def image_tokens(self) -> int:
        """One per cell of the last stage's grid, and one for the whole."""
        side = self.image_size
        for stride in self.stages["patch_stride"]:
            side = math.ceil(side / stride)
        return 1 + side * side


def _davit(width: int) -> dict[str, Any]:
    """The paper's tower: `width` in the first stage, doubled in every stage, 32 features per head."""
    widths = tuple(width * 2**stage for stage in range(4))
    heads = tuple(each // 32 for each in widths)
    return {
        "depths": (1, 1, 9, 1), "embed_dim": widths, "num_heads": heads, "num_groups": heads, "window_size": 12,
        "patch_size": (7, 3, 3, 3), "patch_stride": (4, 2, 2, 2), "patch_padding": (3, 1, 1, 1),
        "patch_prenorm": (False, True, True, True),
    }  # fmt: skip


def _bart(width: int, layers: int, heads: int, positions: int) -> dict[str, Any]:
    sides = {
        f"{side}_{name}": value
        for side in ("encoder", "decoder")
        for name, value in (("layers", layers), ("attention_heads", heads), ("ffn_dim", 4 * width))
    }
    return {"d_model": width, "max_position_embeddings": positions, **sides}


SIZES: dict[Size, Architecture] = {
    "nano": Architecture(
        image_size=192,
        stages={
            "depths": (0, 2, 2), "embed_dim": (32, 64, 128), "num_heads": (1, 2, 4), "num_groups": (1, 2, 4),
            "patch_size": (7, 3, 3), "patch_stride": (4, 2, 2), "patch_padding": (3, 1, 1),
            "patch_prenorm": (False, True, True), "window_size": 12, "mlp_ratio": 2.0, "drop_path_rate": 0.0,
            "initializer_range": 0.06,
        },
        language={
            "d_model": 128, "max_position_embeddings": 448, "encoder_layers": 1, "decoder_layers": 2,
            "encoder_ffn_dim": 256, "decoder_ffn_dim": 256, "encoder_attention_heads": 4, "decoder_attention_heads": 4,
            "init_std": 0.06, "dropout": 0.0,
        },
        vocabulary=1000, location_code=0.1, grid_codes=True,
    ),
    "base": Architecture(768, _davit(128), _bart(768, 6, 12, 1024), 50265, 0.034, grid_codes=False),
    "large": Architecture(768, _davit(256), _bart(1024, 12, 16, 4096), 50265, 0.034, grid_codes=False),
}  # fmt: skip
"""base and large see 768 px, as the released checkpoints do; `fld retrain` can train them at another size. The 4,096
positions of the released large are 6 million parameters more than the paper's 0.77 billion."""


def tokenizer_texts(record: Record) -> Iterator[str]:
    """What a tokenizer learns from a record: questions and answers of all tasks, cut where they have places, so that a
    label is learned as it stands after a place."""
    for lesson in lessons(record, CodecSettings(), lambda _: 0).lessons:
        for text in (lesson.prompt, lesson.target):
            yield from filter(None, _TOKENS.split(text))


def learn_tokenizer(texts: Iterable[str], vocabulary: int) -> Any:
    """BartTokenizer: a byte-level BPE of at most `vocabulary` tokens learned from `texts`, `<image>`, EXTRA_TOKENS.
    Any other text still has a spelling."""
    import transformers
    from tokenizers import AddedToken, ByteLevelBPETokenizer

    library: Any = transformers
    trainer = ByteLevelBPETokenizer()
    trainer.train_from_iterator(
        texts, vocab_size=vocabulary, min_frequency=2, special_tokens=_FIRST_TOKENS, show_progress=False
    )
    learned = json.loads(trainer.to_str())["model"]
    tokenizer = library.BartTokenizer(
        vocab=learned["vocab"],
        merges=[tuple(merge) for merge in learned["merges"]],
        extra_special_tokens={"image_token": "<image>"},
    )
    added = [AddedToken(token, special=True, normalized=False) for token in EXTRA_TOKENS]
    tokenizer.add_tokens(added, special_tokens=True)
    return tokenizer


def load_tokenizer(checkpoint: str) -> Any:
    """The tokenizer of a Florence-2 checkpoint: a folder or embedded:NAME.

    Raises MissingRequirementError if it is not there, RetrainError if it lacks a token that the tasks need."""
    import transformers

    library: Any = transformers
    folder = locate("fld init", checkpoint, None)
    try:
        tokenizer = library.AutoProcessor.from_pretrained(folder).tokenizer
    except (OSError, ValueError, AttributeError) as error:
        raise RetrainError(
            f"tokenizer {checkpoint}: no processor of a Florence-2 in {folder}: name a folder that has"
            f" processor_config.json and tokenizer.json ({str(error).splitlines()[0]})"
        ) from error
    known = tokenizer.get_vocab()
    missing = [token for token in ("<image>", *EXTRA_TOKENS) if token not in known]
    if missing:
        raise RetrainError(
            f"tokenizer {checkpoint} must know Florence-2's {len(EXTRA_TOKENS):,} tokens, {len(missing):,} are missing:"
            f" {', '.join(missing[:3])}, ...; use that of a Florence-2, or learn one from texts"
        )
    return tokenizer


def build_processor(size: Size, tokenizer: Any) -> Any:
    """Florence2Processor for the size's pictures."""
    import transformers

    library: Any = transformers
    architecture = SIZES[size]
    side = {"height": architecture.image_size, "width": architecture.image_size}
    images = library.CLIPImageProcessor(
        size=side, crop_size=side, do_center_crop=False, resample=3,
        image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225],
    )  # fmt: skip
    images.image_seq_length = architecture.image_tokens
    post: dict[str, dict[str, str]] = {kind: {} for kind in _POST_TYPES}
    return library.Florence2Processor(image_processor=images, tokenizer=tokenizer, post_processor_config=post)


def build_model(size: Size, tokenizer: Any, seed: int, *, ordinal_locations: bool) -> Any:
    """Florence2ForConditionalGeneration in float32, random weights. Sets torch's seed."""
    import torch
    from transformers import BartConfig, Florence2Config, Florence2ForConditionalGeneration
    from transformers.models.florence2.configuration_florence2 import Florence2VisionConfig

    architecture = SIZES[size]
    text = BartConfig(vocab_size=len(tokenizer), **architecture.language)
    vision = Florence2VisionConfig(projection_dim=architecture.language["d_model"], **architecture.stages)
    torch.manual_seed(seed)
    config = Florence2Config(text_config=text.to_dict(), vision_config=vision, image_token_id=tokenizer.image_token_id)
    config.pad_token_id = tokenizer.pad_token_id
    model = Florence2ForConditionalGeneration(config)
    with torch.no_grad():
        if architecture.grid_codes:
            _code_grid(model)
        if ordinal_locations:
            first = tokenizer.convert_tokens_to_ids("<loc_0>")
            _code_locations(model, first, architecture.location_code)
    return model


def save_untrained(model: Any, processor: Any, out: Path) -> None:
    """Write the `save_pretrained` folder `out`: under another name first, so that it is whole or not there."""
    part = out.with_name(f"{out.name}.part")
    model.save_pretrained(part)
    processor.save_pretrained(part)
    mark_untrained(part)
    part.rename(out)


def _code_grid(model: Any) -> None:
    import torch

    position = model.model.multi_modal_projector.image_position_embed
    for table in (position.row_embeddings, position.column_embeddings):
        count, width = table.weight.shape
        table.weight.copy_(_waves(torch.arange(count), width))


def _code_locations(model: Any, first: int, amplitude: float) -> None:
    """Neighbours share most of the code; bins 20 apart differ as much as neighbouring rows of the grid."""
    import torch

    rows = model.get_input_embeddings().weight
    rows[first : first + BINS] += amplitude * _waves(torch.arange(BINS) / BINS * 50, rows.shape[1])


def _waves(places: Any, width: int) -> Any:
    """Sines and cosines of falling frequency (Vaswani et al. 2017), [n, width], amplitude 1."""
    import torch

    half = width // 2
    frequency = torch.exp(-math.log(10000.0) * torch.arange(half) / half)
    angles = places[:, None].float() * frequency[None, :]
    return torch.cat([angles.sin(), angles.cos()], dim=1)
