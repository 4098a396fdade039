"""A Florence-2 of 0.14M random weights in `save_pretrained` form: transformers' own classes, only narrower."""

import json
from pathlib import Path
from typing import Any

IMAGE_SIZE = 64
IMAGE_TOKENS = 1 + (IMAGE_SIZE // 8) ** 2
POSITIONS = 512
CORPUS = ["a red car", "two dogs on the grass", "locate the objects in the image with category name."]


def tiny_tokenizer(knows_image: bool = True) -> Any:
    """Byte-level BPE with BART's first ids and Florence-2's places. knows_image: with the attribute `image_token`."""
    import transformers
    from tokenizers import AddedToken, ByteLevelBPETokenizer

    library: Any = transformers
    trainer = ByteLevelBPETokenizer()
    trainer.train_from_iterator(
        CORPUS, vocab_size=300, min_frequency=2, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    )
    state = json.loads(trainer.to_str())["model"]
    merges = [tuple(merge) for merge in state["merges"]]
    tokenizer = library.BartTokenizer(
        vocab=state["vocab"], merges=merges, extra_special_tokens={"image_token": "<image>"}
    )
    extra = [
        "<od>",
        "</od>",
        "<ocr>",
        "</ocr>",
        *(f"<loc_{i}>" for i in range(1000)),
        "<sep>",
        "<poly>",
        "</poly>",
        "<image>",
    ]
    tokenizer.add_tokens([AddedToken(t, special=True, normalized=False) for t in extra], special_tokens=True)
    return tokenizer


def tiny_processor(image_size: int = IMAGE_SIZE, image_tokens: int = IMAGE_TOKENS) -> Any:
    import transformers

    library: Any = transformers
    side = {"height": image_size, "width": image_size}
    images = library.CLIPImageProcessor(
        size=side,
        crop_size=side,
        do_center_crop=False,
        resample=3,
        image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225],
    )
    images.image_seq_length = image_tokens
    kinds = ["ocr", "phrase_grounding", "pure_text", "description_with_bboxes", "polygons", "bboxes"]
    kinds += ["description_with_polygons", "description_with_bboxes_or_polygons"]
    return library.Florence2Processor(
        image_processor=images, tokenizer=tiny_tokenizer(), post_processor_config={kind: {} for kind in kinds}
    )


def save_tiny_florence2(folder: Path, seed: int = 0) -> Path:
    """Write the checkpoint to `folder` and return it."""
    import torch
    from transformers import BartConfig, Florence2Config, Florence2ForConditionalGeneration
    from transformers.models.florence2.configuration_florence2 import Florence2VisionConfig

    processor = tiny_processor()
    vision = Florence2VisionConfig(
        depths=(0, 1),
        patch_size=(7, 3),
        patch_stride=(4, 2),
        patch_padding=(3, 1),
        patch_prenorm=(False, True),
        embed_dim=(16, 32),
        num_heads=(2, 2),
        num_groups=(2, 2),
        window_size=8,
        projection_dim=32,
        initializer_range=0.2,
        drop_path_rate=0.0,
    )
    text = BartConfig(
        vocab_size=len(processor.tokenizer),
        max_position_embeddings=POSITIONS,
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        init_std=0.3,
        dropout=0.0,
    )
    torch.manual_seed(seed)
    config = Florence2Config(
        text_config=text.to_dict(), vision_config=vision, image_token_id=processor.tokenizer.image_token_id
    )
    config.pad_token_id = processor.tokenizer.pad_token_id
    model = Florence2ForConditionalGeneration(config)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
