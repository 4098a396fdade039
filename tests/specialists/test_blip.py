"""BLIP and BLIP-2 against transformers' generate on the same random weights."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specialists.blip import CLASSES, BlipCaptioner, BlipSettings
from specialists.roles import Image, SpecialistError
from tests.specialists.tiny_captioners import save_tiny_blip, save_tiny_blip2
from tests.specialists.tiny_detectors import save_tiny_rt_detr


@pytest.fixture(scope="module", params=[save_tiny_blip, save_tiny_blip2], ids=["blip", "blip-2"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    save: Callable[[Path], Path] = request.param
    return save(tmp_path_factory.mktemp("blip"))


def captioner(folder: Path, **settings: Any) -> BlipCaptioner:
    built = BlipCaptioner(BlipSettings(weights=str(folder), max_new_tokens=8, **settings))
    built.load()
    return built


def pictures() -> list[Image]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (h, w, 3), dtype=np.uint8) for h, w in [(48, 64), (90, 60), (20, 64)]]


@pytest.mark.parametrize("beams", [1, 3])
def test_texts_are_those_of_generate(folder: Path, beams: int) -> None:
    import torch
    import transformers

    library: Any = transformers
    kind = library.AutoConfig.from_pretrained(folder).model_type
    model = getattr(library, CLASSES[kind]).from_pretrained(folder).eval()
    processor = library.AutoProcessor.from_pretrained(folder)
    images = pictures()
    with torch.inference_mode():
        inputs = processor(images=images, return_tensors="pt")
        sequences = model.generate(**inputs, max_new_tokens=8, num_beams=beams, do_sample=False)
    texts = processor.batch_decode(sequences, skip_special_tokens=True)
    expected = [text.replace("[DEC]", "").strip() for text in texts]  # BLIP's start token, special in its own files
    captions = captioner(folder, num_beams=beams, batch_size=2).caption(images, "brief")
    assert [caption.text for caption in captions] == expected
    assert len(set(expected)) > 1
    assert all(0 < (caption.score or 0) <= 1 for caption in captions)


def test_a_prompt_is_continued_and_not_repeated(folder: Path) -> None:
    plain = captioner(folder).caption(pictures(), "brief")
    prompted = captioner(folder, prompt="a photo of").caption(pictures(), "brief")
    assert [caption.text for caption in plain] != [caption.text for caption in prompted]
    assert not any(caption.text.startswith("a photo of") for caption in prompted)


def test_other_granularities_and_other_models_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="blip writes brief texts only, got granularity 'detailed'"):
        captioner(folder).caption(pictures(), "detailed")
    with pytest.raises(SpecialistError, match="is a rt_detr checkpoint: it must be one of blip, blip-2"):
        captioner(save_tiny_rt_detr(tmp_path))
