"""More checkpoints of production size with random weights: those of `base_checkpoints` are captioners and detectors.

transformers' default configurations are the published shapes of SAM ViT-B, SAM 2 (Hiera tiny), CLIP ViT-B/32 and
Grounding DINO tiny.
"""

from pathlib import Path
from typing import Any

from tests.specialists.tiny_groundingdino import write_tiny_bert
from tests.specialists.tiny_matchers import save_tiny_clip


def save_groundingdino_tiny(folder: Path) -> Path:
    """Swin-T and BERT-base; the tokenizer of the tests serves, its words are few and its ids small."""
    import transformers

    library: Any = transformers
    tokenizer = library.AutoTokenizer.from_pretrained(write_tiny_bert(folder / "bert"))
    library.GroundingDinoForObjectDetection(library.GroundingDinoConfig()).save_pretrained(folder)
    library.GroundingDinoProcessor(library.GroundingDinoImageProcessor(), tokenizer).save_pretrained(folder)
    return folder


def save_sam_base(folder: Path) -> Path:
    """ViT-B at 1,024 px."""
    import transformers

    library: Any = transformers
    without_masks(library.SamModel(library.SamConfig())).save_pretrained(folder)
    library.SamProcessor(library.SamImageProcessor()).save_pretrained(folder)
    return folder


def save_sam2_tiny(folder: Path) -> Path:
    """Hiera tiny at 1,024 px."""
    import transformers

    library: Any = transformers
    without_masks(library.Sam2Model(library.Sam2Config())).save_pretrained(folder)
    library.Sam2Processor(library.Sam2ImageProcessor()).save_pretrained(folder)
    return folder


def without_masks(model: Any) -> Any:
    """All masks empty: those of random weights are noise, whose outlines take ten seconds per image (eight boxes).
    Scores are around a half: where all are cut at 0, those of two devices could not differ."""
    for layers in model.mask_decoder.output_hypernetworks_mlps:
        layers.proj_out.weight.data.zero_()
        layers.proj_out.bias.data.zero_()
    model.mask_decoder.iou_prediction_head.proj_out.bias.data.fill_(0.5)
    return model


def save_clip_b32(folder: Path) -> Path:
    """ViT-B/32 at 224 px; the tokenizer of the tests serves."""
    import transformers

    library: Any = transformers
    save_tiny_clip(folder)
    tokenizer = library.CLIPTokenizer.from_pretrained(folder)
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    library.CLIPModel(library.CLIPConfig(text_config=ends)).save_pretrained(folder)
    library.CLIPProcessor(image_processor=library.CLIPImageProcessor(), tokenizer=tokenizer).save_pretrained(folder)
    return folder
