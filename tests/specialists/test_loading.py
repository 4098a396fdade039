"""Checkpoints that lack weights are refused by every backend that transformers loads."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from specialists.blip import BlipCaptioner, BlipSettings
from specialists.clip_matcher import ClipMatcher, ClipSettings
from specialists.detr import DetrDetector, DetrSettings
from specialists.devices import pick_dtype
from specialists.florence2 import Florence2Captioner, Florence2CaptionerSettings
from specialists.groundingdino_hf import GroundingDinoHf, GroundingDinoHfSettings
from specialists.lmm_describer import LmmDescriber, LmmSettings
from specialists.loading import check_weights
from specialists.roles import SpecialistError
from specialists.sam_hf import SamHf, SamHfSettings
from tests.specialists.tiny_captioners import save_tiny_blip, save_tiny_blip2
from tests.specialists.tiny_detectors import save_tiny_detr
from tests.specialists.tiny_florence2 import save_tiny_florence2
from tests.specialists.tiny_groundingdino import write_tiny_groundingdino_hf
from tests.specialists.tiny_lmm import save_tiny_llava
from tests.specialists.tiny_matchers import save_tiny_clip, save_tiny_siglip
from tests.specialists.tiny_sam import write_tiny_sam2_hf, write_tiny_sam_hf


@dataclass(frozen=True)
class Loader:
    """lost: a part of the names of weights that are taken out."""

    save: Callable[[Path], Path]
    build: Callable[[str], Any]
    lost: str


def _clip(weights: str) -> ClipMatcher:
    return ClipMatcher(ClipSettings(weights=weights))


def _blip(weights: str) -> BlipCaptioner:
    return BlipCaptioner(BlipSettings(weights=weights))


def _sam(weights: str) -> SamHf:
    return SamHf(SamHfSettings(weights=weights))


LOADERS = {
    "florence2": Loader(
        save_tiny_florence2,
        lambda weights: Florence2Captioner(Florence2CaptionerSettings(weights=weights)),
        "projector",
    ),
    "blip": Loader(save_tiny_blip, _blip, "text_decoder"),
    "blip2": Loader(save_tiny_blip2, _blip, "qformer"),
    "detr": Loader(save_tiny_detr, lambda weights: DetrDetector(DetrSettings(weights=weights)), "class_labels"),
    "clip": Loader(save_tiny_clip, _clip, "text_projection"),
    "siglip": Loader(save_tiny_siglip, _clip, "text_model"),
    "groundingdino_hf": Loader(
        write_tiny_groundingdino_hf,
        lambda weights: GroundingDinoHf(GroundingDinoHfSettings(weights=weights)),
        "enc_output",
    ),
    "sam": Loader(write_tiny_sam_hf, _sam, "mask_decoder"),
    "sam2": Loader(write_tiny_sam2_hf, _sam, "mask_decoder"),
    "image_text_to_text": Loader(
        save_tiny_llava, lambda weights: LmmDescriber(LmmSettings(weights=weights)), "multi_modal_projector"
    ),
}


@pytest.mark.parametrize("loader", LOADERS.values(), ids=LOADERS)
def test_weights_that_are_missing_are_never_made_up(loader: Loader, tmp_path: Path) -> None:
    folder = loader.save(tmp_path)
    file = folder / "model.safetensors"
    weights = load_file(file)
    lost = [name for name in weights if loader.lost in name]
    assert lost
    save_file({name: each for name, each in weights.items() if name not in lost}, file, {"format": "pt"})
    with pytest.raises(SpecialistError, match=rf"lacks \d+ of the weights of \w+ \(.*{loader.lost}") as caught:
        loader.build(str(folder)).load()
    assert "would be made up" in str(caught.value)
    told = re.search(r"lacks (\d+)", str(caught.value))
    assert told is not None
    assert int(told[1]) >= len(lost)  # weights that are one tensor under two names are in the file once


def test_a_weight_of_another_shape_is_refused(tmp_path: Path) -> None:
    folder = save_tiny_detr(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    config["id2label"] = {str(index): f"thing {index}" for index in range(9)}
    config["label2id"] = {f"thing {index}": index for index in range(9)}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(SpecialistError, match=r"detr: .* that transformers can load .*it must be a folder"):
        DetrDetector(DetrSettings(weights=str(folder))).load()


@pytest.mark.parametrize("other", ["florence2", "detr", "clip", "image_text_to_text", "sam"])
@pytest.mark.parametrize("loader", ["groundingdino_hf", "detr", "florence2", "blip"])
def test_a_checkpoint_of_another_kind_is_one_line(loader: str, other: str, tmp_path: Path) -> None:
    """Whatever transformers raises when it builds a model after a configuration of another one."""
    if loader == other:
        return
    folder = LOADERS[other].save(tmp_path)
    with pytest.raises(SpecialistError) as caught:
        LOADERS[loader].build(str(folder)).load()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["vision_model.embeddings.position_ids", "bn1.num_batches_tracked", "position_ids"])
def test_what_is_counted_out_anew_may_be_missing(name: str) -> None:
    check_weights("clip", "CLIPModel", Path("folder"), [name])
    with pytest.raises(SpecialistError, match=r"clip: folder lacks 4 of the weights of M \(a, b, c, ...\)"):
        check_weights("clip", "M", Path("folder"), [name, "d", "c"], [("b", (1, 2), (3, 4)), "a"])


@pytest.mark.parametrize("damage", [b"", b"no weights at all", b"\xff" * 64])
def test_a_damaged_weight_file_is_one_line(damage: bytes, tmp_path: Path) -> None:
    folder = save_tiny_clip(tmp_path)
    (folder / "model.safetensors").write_bytes(damage)
    with pytest.raises(SpecialistError, match=r"clip: .* holds no AutoModel that transformers can load") as caught:
        _clip(str(folder)).load()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("width", "name"), [(768, "Florence-2-base"), (1024, "Florence-2-large")])
def test_microsofts_own_format_names_the_checkpoint_to_take(width: int, name: str, tmp_path: Path) -> None:
    """The parts of config.json by which the original folders differ from transformers' own."""
    config = {
        "model_type": "florence2",
        "architectures": ["Florence2ForConditionalGeneration"],
        "auto_map": {"AutoConfig": "configuration_florence2.Florence2Config"},
        "projection_dim": width,
        "text_config": {"model_type": "florence2_language", "d_model": width},
        "vision_config": {"model_type": "davit", "projection_dim": width},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    captioner = Florence2Captioner(Florence2CaptionerSettings(weights=str(tmp_path)))
    with pytest.raises(SpecialistError, match=rf"Microsoft's original format.* take florence-community/{name} \(or"):
        captioner.load()


def test_a_tower_without_words_is_no_matcher(tmp_path: Path) -> None:
    import transformers

    library: Any = transformers
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    library.CLIPVisionModel(library.CLIPVisionConfig(image_size=32, patch_size=16, **sizes)).save_pretrained(tmp_path)
    with pytest.raises(SpecialistError, match="is a clip_vision_model checkpoint: it must be one that embeds images"):
        _clip(str(tmp_path)).load()


def test_automatic_arithmetic_is_exact_on_a_cpu_and_no_fact_of_its_own(tmp_path: Path) -> None:
    """So that columns of a CPU corpus, written when float32 was the default, stay done."""
    import torch

    assert pick_dtype("auto", torch.device("cpu")) == torch.float32
    folder = str(save_tiny_clip(tmp_path))
    automatic, exact, rough = (
        ClipMatcher(ClipSettings(weights=folder, **of)).fingerprint()
        for of in ({}, {"dtype": "float32"}, {"dtype": "bfloat16"})
    )
    assert automatic == exact != rough


@pytest.mark.gpu
def test_automatic_arithmetic_is_half_on_a_gpu() -> None:
    import torch

    device = torch.device("cuda")
    wanted = torch.bfloat16 if torch.cuda.get_device_capability(device) >= (8, 0) else torch.float16
    assert pick_dtype("auto", device) == wanted
