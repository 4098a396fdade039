"""The matcher against transformers' own forward pass, on tiny CLIP and SigLIP checkpoints."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specialists.clip_matcher import ClipMatcher, ClipSettings
from specialists.roles import Image, SpecialistError
from tests.specialists.tiny_matchers import TOKENS, save_tiny_clip, save_tiny_siglip

Saver = Callable[[Path], Path]
FAMILIES = pytest.mark.parametrize("save", [save_tiny_clip, save_tiny_siglip], ids=["clip", "siglip"])


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Saver], Path]:
    made: dict[Saver, Path] = {}

    def folder(save: Saver) -> Path:
        if save not in made:
            made[save] = save(tmp_path_factory.mktemp(save.__name__))
        return made[save]

    return folder


def matcher(folder: Path, batch_size: int = 64) -> ClipMatcher:
    out = ClipMatcher(ClipSettings(weights=str(folder), device="cpu", batch_size=batch_size))
    out.load()
    return out


def pictures(*sizes: tuple[int, int]) -> list[Image]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (height, width, 3), dtype=np.uint8) for height, width in sizes]


@FAMILIES
def test_scores_are_those_of_the_librarys_forward(folders: Callable[[Saver], Path], save: Saver) -> None:
    import torch
    import transformers

    library: Any = transformers
    folder = folders(save)
    crops, texts = pictures((40, 60), (60, 40)), ["a brown dog", "grass"]
    model = library.AutoModel.from_pretrained(folder).eval()
    processor = library.AutoProcessor.from_pretrained(folder)
    padding = "max_length" if save is save_tiny_siglip else True
    inputs = processor(text=texts, images=crops, padding=padding, return_tensors="pt")
    with torch.inference_mode():
        out = model(**inputs)
    wanted = (1 + (out.image_embeds @ out.text_embeds.T).numpy()) / 2

    got = matcher(folder).similarity(crops, [texts, texts])
    np.testing.assert_allclose(np.stack(got), wanted, atol=1e-5)
    assert np.ptp(wanted) > 1e-3, "random weights must tell these apart"
    order = (out.logits_per_image.numpy()).argsort(axis=1)
    assert np.stack(got).argsort(axis=1).tolist() == order.tolist()


@FAMILIES
def test_batches_equal_one_by_one(folders: Callable[[Saver], Path], save: Saver) -> None:
    crops = pictures((30, 30), (10, 90), (200, 31), (1, 1))
    texts = [["dog", "grass"], ["a brown dog"], [], ["grass", "two trees", "dog"]]
    together = matcher(folders(save)).similarity(crops, texts)
    small = matcher(folders(save), batch_size=1)
    for index, found in enumerate(together):
        [alone] = small.similarity([crops[index]], [texts[index]])
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, alone, atol=1e-5)


@FAMILIES
def test_repeated_crops_and_texts_are_encoded_once_and_scored_everywhere(
    folders: Callable[[Saver], Path], save: Saver
) -> None:
    [crop] = pictures((30, 30))
    first, second = matcher(folders(save)).similarity([crop, crop], [["dog", "dog"], ["dog"]])
    assert first[0] == first[1] == second[0]


@FAMILIES
def test_text_longer_than_the_model_reads_is_cut(folders: Callable[[Saver], Path], save: Saver) -> None:
    text = "grass " * 60
    [scores] = matcher(folders(save)).similarity(pictures((30, 30)), [[text, text + "dog", ""]])
    assert scores[0] == pytest.approx(scores[1], abs=1e-6)
    assert np.isfinite(scores).all()
    assert len(text) > TOKENS


def test_a_long_crop_is_seen_as_its_middle(folders: Callable[[Saver], Path]) -> None:
    rng = np.random.default_rng(1)
    middle = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)
    long = np.zeros((20, 20_000, 3), np.uint8)
    long[:, 9990:10010] = middle
    wide = long[:, 9960:10040]
    got = matcher(folders(save_tiny_clip)).similarity([long, wide], [["dog", "grass"]] * 2)
    np.testing.assert_allclose(got[0], got[1], atol=1e-5)


def test_an_empty_batch_and_a_crop_without_texts(folders: Callable[[Saver], Path]) -> None:
    loaded = matcher(folders(save_tiny_clip))
    assert loaded.similarity([], []) == []
    [scores] = loaded.similarity(pictures((5, 5)), [[]])
    assert scores.shape == (0,)
    assert scores.dtype == np.float32


def test_wrong_input_is_refused(folders: Callable[[Saver], Path]) -> None:
    loaded = matcher(folders(save_tiny_clip))
    with pytest.raises(ValueError, match="one list of texts per crop, got 1 crops, 2 lists"):
        loaded.similarity(pictures((5, 5)), [["a"], ["b"]])
    with pytest.raises(ValueError, match=r"must be uint8 \[h, w, 3\], got float32"):
        loaded.similarity([np.zeros((5, 5, 3), np.float32)], [["a"]])
    loaded.close()
    with pytest.raises(SpecialistError, match=r"clip: call load\(\) first"):
        loaded.similarity(pictures((5, 5)), [["a"]])


def test_the_fingerprint_is_of_the_weights_and_not_of_the_batch(
    folders: Callable[[Saver], Path], tmp_path: Path
) -> None:
    folder = folders(save_tiny_clip)
    facts = ClipMatcher(ClipSettings(weights=str(folder))).fingerprint()
    assert facts == ClipMatcher(ClipSettings(weights=str(folder), batch_size=3, device="cpu")).fingerprint()
    assert facts["backend"] == "clip"
    other = save_tiny_clip(tmp_path / "other", seed=1)
    assert facts != ClipMatcher(ClipSettings(weights=str(other))).fingerprint()
