"""Answers are ours: what a checkpoint's generation config asks for is not heeded, and a column knows it."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specialists.blip import BlipCaptioner, BlipSettings
from specialists.decoding import NEUTRAL, TOKENS, Decoding, overruled, own_decoding
from specialists.florence2 import (
    Florence2Captioner,
    Florence2CaptionerSettings,
    Florence2Detector,
    Florence2DetectorSettings,
)
from specialists.lmm_describer import LmmDescriber, LmmSettings
from specialists.roles import Image
from specialists.weights import EMBEDDED_FOLDER
from tests.specialists.tiny_captioners import save_tiny_blip
from tests.specialists.tiny_florence2 import save_tiny_florence2
from tests.specialists.tiny_lmm import save_tiny_llava

DEMANDS = {"no_repeat_ngram_size": 2, "num_beams": 3, "forced_bos_token_id": 0, "early_stopping": True, "min_length": 9}
HUB = {"weights": "somebody/model", "revision": "0" * 40}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_florence2(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def demanding(plain: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same weights with a generation config like those of released conversions."""
    folder = tmp_path_factory.mktemp("demanding")
    shutil.copytree(plain, folder, dirs_exist_ok=True)
    said = json.loads((folder / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps(said | DEMANDS))
    return folder


def pictures() -> list[Image]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (40, 60, 3), dtype=np.uint8) for _ in range(4)]


def captions(weights: Path, **settings: Any) -> list[str]:
    captioner = Florence2Captioner(Florence2CaptionerSettings(weights=str(weights), max_new_tokens=30, **settings))
    captioner.load()
    return [caption.text for caption in captioner.caption(pictures(), "detailed")]


def labels(weights: Path) -> list[list[str]]:
    detector = Florence2Detector(Florence2DetectorSettings(weights=str(weights), max_new_tokens=60))
    detector.load()
    return [found.labels for found in detector.detect(pictures())]


def test_a_ban_on_repetition_is_not_obeyed(plain: Path, demanding: Path) -> None:
    assert captions(demanding) == captions(plain)
    assert labels(demanding) == labels(plain)
    banned = captions(plain, no_repeat_ngram_size=2)
    assert banned != captions(plain), "the tiny model must repeat itself, or this test says nothing"


def test_captions_may_be_written_as_the_released_models_do_by_choice(plain: Path, demanding: Path) -> None:
    import torch
    import transformers

    library: Any = transformers
    model = library.Florence2ForConditionalGeneration.from_pretrained(plain).eval()
    processor = library.AutoProcessor.from_pretrained(plain)
    inputs = processor(images=pictures(), text=["<DETAILED_CAPTION>"] * 4, return_tensors="pt")
    with torch.inference_mode():
        found = model.generate(
            **inputs, num_beams=3, no_repeat_ngram_size=3, early_stopping=True, max_new_tokens=30, do_sample=False
        )
    expected = ["".join(text.split()) for text in processor.batch_decode(found, skip_special_tokens=True)]
    written = captions(demanding, num_beams=3, no_repeat_ngram_size=3, early_stopping=True)
    assert ["".join(text.split()) for text in written] == expected


def test_columns_written_when_it_was_obeyed_are_written_again(plain: Path, demanding: Path) -> None:
    facts = [Florence2Captioner(Florence2CaptionerSettings(weights=str(of))).fingerprint() for of in (plain, demanding)]
    assert "decoding" not in facts[0]
    assert facts[1]["decoding"] == [
        "do_sample=False",
        "num_beams=1",
        "max_new_tokens=1024",
        "no_repeat_ngram_size=0",
        "early_stopping=False",
        "length_penalty=1.0",
        "repetition_penalty=1.0",
    ]
    for specialist in (
        Florence2Captioner(Florence2CaptionerSettings.model_validate(HUB)),
        BlipCaptioner(BlipSettings.model_validate(HUB)),
        LmmDescriber(LmmSettings.model_validate(HUB)),
    ):
        assert "no_repeat_ngram_size=0" in str(specialist.fingerprint()["decoding"])


def test_columns_of_the_embedded_model_stay_done() -> None:
    """Their facts before decoding was ours."""
    facts = Florence2Captioner(Florence2CaptionerSettings()).fingerprint()
    assert (facts["num_beams"], facts["max_new_tokens"]) == (1, 1024)
    assert set(facts) == {
        *("backend", "library", "weights", "dtype", "num_beams", "max_new_tokens", "prompts", "near_bins"),
    }
    assert overruled(EMBEDDED_FOLDER / "florence2-nano") == []


def test_a_choice_is_a_fact(plain: Path) -> None:
    usual, banned = (
        Florence2Captioner(Florence2CaptionerSettings(weights=str(plain), no_repeat_ngram_size=size)).fingerprint()
        for size in (0, 3)
    )
    assert usual != banned
    assert "no_repeat_ngram_size=3" in str(banned["decoding"])


def test_every_part_of_a_model_keeps_its_tokens_and_nothing_else(tmp_path: Path) -> None:
    import transformers

    library: Any = transformers
    model = library.BlipForConditionalGeneration.from_pretrained(save_tiny_blip(tmp_path))
    config = model.text_decoder.generation_config
    tokens = {name: getattr(config, name) for name in TOKENS}
    for name, value in {"repetition_penalty": 1.5, "min_length": 7, "no_repeat_ngram_size": 1}.items():
        setattr(config, name, value)
    own_decoding(model)
    found = model.text_decoder.generation_config
    assert {name: getattr(found, name) for name in TOKENS} == tokens
    for name, neutral in NEUTRAL.items():
        assert getattr(found, name) in (None, neutral), name


def test_a_local_describer_is_not_bound_either(tmp_path: Path) -> None:
    folder = save_tiny_llava(tmp_path, ends=15)
    said = json.loads((folder / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps(said | {"repetition_penalty": 1.3}))
    facts = LmmDescriber(LmmSettings(weights=str(folder))).fingerprint()
    assert overruled(folder) == ["repetition_penalty"]
    assert "repetition_penalty=1.0" in str(facts["decoding"])


def test_without_a_generation_config_the_models_own_counts(tmp_path: Path) -> None:
    config = {"text_config": {"no_repeat_ngram_size": 3, "early_stopping": True, "forced_bos_token_id": 0}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert overruled(tmp_path) == ["early_stopping", "forced_bos_token_id", "no_repeat_ngram_size"]
    assert "decoding" in Decoding(1, 9).facts(tmp_path)
