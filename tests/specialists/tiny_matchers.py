"""A CLIP and a SigLIP of random weights in `save_pretrained` form: transformers' own classes, only narrower."""

import importlib
from pathlib import Path
from typing import Any

IMAGE_SIZE = 32
WORDS = ["dog", "a brown dog", "grass", "a red car", "two trees", "with a ball", "photo of it"]
TOKENS = 16


def save_tiny_clip(folder: Path, seed: int = 0) -> Path:
    """Write a CLIP to `folder` and return it."""
    import torch
    import transformers

    library: Any = transformers
    tokenizer = library.CLIPTokenizer(vocab=_letters("</w>"), merges=[])
    config = library.CLIPConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "max_position_embeddings": TOKENS,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            **_sizes(),
        },
        vision_config={"image_size": IMAGE_SIZE, "patch_size": 8, **_sizes()},
        projection_dim=24,
    )
    torch.manual_seed(seed)
    library.CLIPModel(config).eval().save_pretrained(folder)
    side = {"height": IMAGE_SIZE, "width": IMAGE_SIZE}
    images = library.CLIPImageProcessor(size={"shortest_edge": IMAGE_SIZE}, crop_size=side)
    library.CLIPProcessor(image_processor=images, tokenizer=tokenizer).save_pretrained(folder)
    return folder


def save_tiny_siglip(folder: Path, seed: int = 0) -> Path:
    """Write a SigLIP to `folder` and return it."""
    import torch
    import transformers

    library: Any = transformers
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _sentencepiece(folder)
    config = library.SiglipConfig(
        text_config={"vocab_size": len(tokenizer), "max_position_embeddings": TOKENS, **_sizes()},
        vision_config={"image_size": IMAGE_SIZE, "patch_size": 8, **_sizes()},
    )
    torch.manual_seed(seed)
    library.SiglipModel(config).eval().save_pretrained(folder)
    images = library.SiglipImageProcessor(size={"height": IMAGE_SIZE, "width": IMAGE_SIZE})
    library.SiglipProcessor(image_processor=images, tokenizer=tokenizer).save_pretrained(folder)
    return folder


def _sizes() -> dict[str, int]:
    return {"hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


def _letters(ending: str) -> dict[str, int]:
    """CLIP's vocabulary without merges: bytes, bytes at the end of a word, and the two special tokens."""
    # by path: the attribute of `transformers` is the module or a function of that name, by what was imported first
    converter: Any = importlib.import_module("transformers.convert_slow_tokenizer")
    letters = list(converter.bytes_to_unicode().values())
    tokens = [*letters, *(letter + ending for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    return {token: index for index, token in enumerate(tokens)}


def _sentencepiece(folder: Path) -> Any:
    import sentencepiece
    import transformers

    library: Any = transformers
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(WORDS * 20),
        model_prefix=str(folder / "spiece"),
        vocab_size=40,
        hard_vocab_limit=False,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
    )
    return library.SiglipTokenizer(str(folder / "spiece.model"), model_max_length=TOKENS)
