"""Checkpoints of production size with random weights, for benchmarks: the published shapes, no download."""

from pathlib import Path
from typing import Any

from tests.specialists.tiny_captioners import save_tiny_blip
from tests.specialists.tiny_florence2 import tiny_processor


def save_florence2_base(folder: Path) -> Path:
    """Florence-2-base: DaViT 128..1024 at 768 px (577 image tokens), BART-base; 0.23 B weights."""
    return _save_florence2(folder, layers=6, width=768, smallest=128, heads=4)


def save_florence2_large(folder: Path) -> Path:
    """Florence-2-large: DaViT 256..2048 at 768 px, BART-large; 0.77 B weights."""
    return _save_florence2(folder, layers=12, width=1024, smallest=256, heads=8)


def _save_florence2(folder: Path, *, layers: int, width: int, smallest: int, heads: int) -> Path:
    """layers, width: of BART's encoder and decoder, each; smallest, heads: of DaViT's first stage, both double with
    every stage. The vocabulary is that of the tests padded to the published 51,328 entries, so that the output layer
    costs what it costs. The end of a text is also its start token and the output layer is tied, so that random weights
    repeat it at once and answer nothing: its row is zero."""
    import transformers
    from transformers.models.florence2.configuration_florence2 import Florence2VisionConfig

    library: Any = transformers
    processor = tiny_processor(image_size=768, image_tokens=577)
    text = library.BartConfig(
        vocab_size=51328,
        d_model=width,
        encoder_layers=layers,
        decoder_layers=layers,
        encoder_ffn_dim=4 * width,
        decoder_ffn_dim=4 * width,
        encoder_attention_heads=width // 64,
        decoder_attention_heads=width // 64,
        max_position_embeddings=1024,
    )
    stages = [2**stage for stage in range(4)]
    vision = Florence2VisionConfig(
        embed_dim=tuple(smallest * each for each in stages),
        num_heads=tuple(heads * each for each in stages),
        num_groups=tuple(heads * each for each in stages),
        depths=(1, 1, 9, 1),
        projection_dim=width,
    )
    config = library.Florence2Config(
        text_config=text.to_dict(), vision_config=vision, image_token_id=processor.tokenizer.image_token_id
    )
    model = library.Florence2ForConditionalGeneration(config)
    model.get_input_embeddings().weight.data[text.eos_token_id] = 0.0
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def save_blip_base(folder: Path) -> Path:
    """BLIP-base: ViT-B/16 at 384 px and a BERT-base decoder; transformers' default widths."""
    import transformers

    library: Any = transformers
    save_tiny_blip(folder)  # its tokenizer serves
    special = {"bos_token_id": 5, "eos_token_id": 3, "sep_token_id": 3, "pad_token_id": 0, "encoder_hidden_size": 768}
    config = library.BlipConfig(
        text_config={"vocab_size": 30524, "num_attention_heads": 12, **special}, vision_config={"image_size": 384}
    )
    library.BlipForConditionalGeneration(config).save_pretrained(folder)
    library.BlipImageProcessor(size={"height": 384, "width": 384}).save_pretrained(folder)
    return folder


def save_detr_r50(folder: Path) -> Path:
    """DETR with ResNet-50, 800 px short side: transformers' default DetrConfig with its own ResNet."""
    import transformers

    library: Any = transformers
    config = library.DetrConfig(
        use_timm_backbone=False,
        use_pretrained_backbone=False,
        backbone=None,
        backbone_config=library.ResNetConfig(out_indices=[4]),
    )
    library.AutoModelForObjectDetection.from_config(config).save_pretrained(folder)
    library.DetrImageProcessor().save_pretrained(folder)
    return folder


def save_yolo_s(folder: Path) -> Path:
    """YOLO11s as ultralytics defines it."""
    from specialists.ultralytics_yolo import quiet_library

    quiet_library()
    import ultralytics

    library: Any = ultralytics
    weights = folder / "yolo11s.pt"
    library.YOLO("yolo11s.yaml", verbose=False).save(weights)
    return weights
