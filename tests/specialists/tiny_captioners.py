"""BLIP and BLIP-2 of random weights in `save_pretrained` form."""

from pathlib import Path
from typing import Any

from tests.specialists.tiny_florence2 import tiny_tokenizer

SIDE = {"height": 32, "width": 32}


def save_tiny_blip(folder: Path, seed: int = 0) -> Path:
    """BLIP: a ViT and a BERT decoder with its own word pieces."""
    import torch
    import transformers

    library: Any = transformers
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "[DEC]",
        "a",
        "photo",
        "of",
        "red",
        "car",
        "dog",
        "two",
        "on",
    ]
    tokenizer = library.BertTokenizer(vocab={word: index for index, word in enumerate(words)})
    narrow = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    special = {"bos_token_id": 5, "eos_token_id": 3, "sep_token_id": 3, "pad_token_id": 0}
    text = narrow | special | {"vocab_size": len(words), "encoder_hidden_size": 16, "initializer_range": 0.5}
    vision = narrow | {"image_size": 32, "patch_size": 16, "initializer_range": 0.5}
    torch.manual_seed(seed)
    config = library.BlipConfig(text_config=text, vision_config=vision, projection_dim=16)
    library.BlipForConditionalGeneration(config).save_pretrained(folder)
    processor = library.BlipProcessor(library.BlipImageProcessor(size=SIDE), tokenizer)
    processor.save_pretrained(folder)
    return folder


def save_tiny_blip2(folder: Path, seed: int = 0) -> Path:
    """BLIP-2: a ViT, a Q-Former with four queries and an OPT decoder."""
    import torch
    import transformers

    library: Any = transformers
    tokenizer = tiny_tokenizer(knows_image=False)  # the processor adds its own; with one it fails on prompts
    narrow = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = library.OPTConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        word_embed_proj_dim=16,
        ffn_dim=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=64,
        init_std=0.5,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    config = library.Blip2Config(
        vision_config=narrow | {"image_size": 32, "patch_size": 16, "initializer_range": 0.5},
        qformer_config=narrow | {"vocab_size": 8, "encoder_hidden_size": 16, "cross_attention_frequency": 1},
        text_config=text.to_dict(),
        num_query_tokens=4,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    torch.manual_seed(seed)
    library.Blip2ForConditionalGeneration(config).save_pretrained(folder)
    processor = library.Blip2Processor(library.BlipImageProcessor(size=SIDE), tokenizer, num_query_tokens=4)
    processor.save_pretrained(folder)
    return folder
