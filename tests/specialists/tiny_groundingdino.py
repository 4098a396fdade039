"""A Grounding DINO with random weights in the files of a released one; its Swin-T is full size, the library knows no
smaller."""

from pathlib import Path
from typing import Any

import torch
from transformers import BertConfig

from specialists.groundingdino_build import ARCHITECTURE_FILE, GroundingDinoArchitecture, build_groundingdino

TINY = GroundingDinoArchitecture(enc_layers=1, dec_layers=2, dim_feedforward=32, nheads=8, num_queries=20)
WORDS = [*"abcdefghijklmnopqrstuvwxyz", "dog", "dogs", "cat", "brown", "ball", "two", "the", "with", "and", "plays"]


def write_tiny_bert(folder: Path) -> Path:
    """A BERT's config.json and tokenizer, no weights. Ids as in bert-base-uncased: transformers counts on them."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103, ".": 1012, "?": 1029, ",": 1010}
    pieces = [*WORDS, *(f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")]
    vocabulary |= {piece: 1100 + index for index, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 102), ("[CLS]", 101))
    make: Any = PreTrainedTokenizerFast  # untyped
    fast = make(
        tokenizer_object=tokenizer,
        cls_token="[CLS]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        unk_token="[UNK]",
        mask_token="[MASK]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )
    fast.save_pretrained(folder)
    tiny_bert_config().save_pretrained(folder)
    return folder


def tiny_bert_config() -> BertConfig:
    return BertConfig(
        vocab_size=1200,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=256,
    )


def write_tiny_groundingdino(folder: Path) -> tuple[Path, Path]:
    """The checkpoint's folder and the text encoder's."""
    bert = write_tiny_bert(folder / "bert")
    torch.manual_seed(0)
    model: Any = build_groundingdino(TINY, bert)
    torch.nn.init.normal_(model.bbox_embed[0].layers[-1].weight, std=0.5)  # else every box is its anchor
    checkpoint = folder / "swint"
    checkpoint.mkdir()
    torch.save({"model": {f"module.{key}": value for key, value in model.state_dict().items()}}, checkpoint / "x.pth")
    (checkpoint / ARCHITECTURE_FILE).write_text(TINY.model_dump_json())
    return checkpoint, bert


def write_tiny_groundingdino_hf(folder: Path) -> Path:
    """transformers' Grounding DINO with a tiny Swin: save_pretrained folder with tokenizer and image processor."""
    from transformers import (
        AutoTokenizer,
        GroundingDinoConfig,
        GroundingDinoForObjectDetection,
        GroundingDinoImageProcessor,
        GroundingDinoProcessor,
        SwinConfig,
    )

    bert = write_tiny_bert(folder / "bert")
    make: Any = SwinConfig  # its aliases are untyped
    swin = make(
        image_size=64,
        embed_dim=16,
        depths=[1, 1, 1, 1],
        num_heads=[1, 1, 2, 2],
        window_size=4,
        out_features=["stage2", "stage3", "stage4"],
    )
    config = GroundingDinoConfig(
        backbone_config=swin,
        text_config=tiny_bert_config(),
        d_model=64,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        num_queries=20,
    )
    torch.manual_seed(0)
    model: Any = GroundingDinoForObjectDetection(config)
    torch.nn.init.normal_(model.bbox_embed[0].layers[-1].weight, std=0.5)  # else every box is its anchor
    torch.nn.init.normal_(model.model.text_projection.weight, std=1.0)  # else all words are alike
    checkpoint = folder / "checkpoint"
    model.save_pretrained(checkpoint)
    size = {"shortest_edge": 64, "longest_edge": 96}
    auto: Any = AutoTokenizer  # untyped
    process: Any = GroundingDinoProcessor
    process(GroundingDinoImageProcessor(size=size), auto.from_pretrained(bert)).save_pretrained(checkpoint)
    return checkpoint
