"""The local describer on a tiny LLaVA, against transformers' own generate."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specialists.description import PromptSettings, fill, read_template
from specialists.lmm_describer import LmmDescriber, LmmSettings
from specialists.roles import Context, Image, ItemError, SpecialistError
from tests.specialists.tiny_lmm import save_tiny_llava

CONTEXTS = [Context("a dog", [("a brown dog", (1, 2, 30, 40))]), Context("a bird in a green tree"), Context("")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_llava(tmp_path_factory.mktemp("llava"), ends=15)


@pytest.fixture(scope="module")
def describer(folder: Path) -> LmmDescriber:
    out = LmmDescriber(LmmSettings(weights=str(folder), device="cpu", max_new_tokens=200, prompts=PROMPTS))
    out.load()
    return out


PROMPTS = PromptSettings(refusals=[])


def pictures(*sizes: tuple[int, int]) -> list[Image]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (height, width, 3), dtype=np.uint8) for height, width in sizes]


def acceptable(describer: LmmDescriber, image: Image, context: Context) -> str:
    """The text, or the reason of the refusal: random weights may end an answer at once."""
    try:
        [caption] = describer.describe([image], [context], "detailed")
    except ItemError as error:
        return error.reason
    assert caption.score is not None
    assert 0 < caption.score <= 1
    return caption.text


def test_it_writes_what_the_librarys_generate_writes(describer: LmmDescriber, folder: Path) -> None:
    import torch
    import transformers
    from PIL import Image as Pil

    library: Any = transformers
    [image] = pictures((50, 40))
    model = library.AutoModelForImageTextToText.from_pretrained(folder).eval()
    processor = library.AutoProcessor.from_pretrained(folder)
    prompt = fill(read_template(PromptSettings(), "detailed"), image, CONTEXTS[0], 50)
    inputs = processor(images=Pil.fromarray(image), text=f"user: <image>{prompt} assistant: ", return_tensors="pt")
    with torch.inference_mode():
        out = model.generate(**inputs, do_sample=False, max_new_tokens=200)[0, inputs["input_ids"].shape[1] :]
    assert len(out) < 200, "the tiny model must end by itself"
    written = " ".join(processor.tokenizer.decode(out[:-1], skip_special_tokens=True).split())
    assert acceptable(describer, image, CONTEXTS[0]) == (written or "empty answer")


def test_batches_equal_one_by_one(folder: Path, describer: LmmDescriber) -> None:
    images = pictures((50, 40), (1, 1), (20, 300))
    alone = [acceptable(describer, image, context) for image, context in zip(images, CONTEXTS, strict=True)]
    good = [index for index, text in enumerate(alone) if text != "empty answer"]
    assert good, "all answers are empty: take another seed"
    texts = describer.describe([images[i] for i in good], [CONTEXTS[i] for i in good], "detailed")
    assert [caption.text for caption in texts] == [alone[i] for i in good]


def test_an_answer_that_does_not_end_is_cut_off_and_names_its_image(tmp_path: Path) -> None:
    endless = LmmDescriber(
        LmmSettings(weights=str(save_tiny_llava(tmp_path / "endless")), device="cpu", max_new_tokens=5)
    )
    endless.load()
    with pytest.raises(ItemError, match=r"cut off at 5 tokens: raise specialist.max_new_tokens") as caught:
        endless.describe(pictures((9, 9), (9, 9)), CONTEXTS[:2], "more_detailed")
    assert caught.value.index == 0


def test_an_empty_batch_is_an_empty_list(describer: LmmDescriber) -> None:
    assert describer.describe([], [], "detailed") == []


def test_misuse_is_named(folder: Path) -> None:
    unloaded = LmmDescriber(LmmSettings(weights=str(folder)))
    with pytest.raises(SpecialistError, match=r"image_text_to_text: call load\(\) first"):
        unloaded.describe(pictures((9, 9)), CONTEXTS[:1], "detailed")
    with pytest.raises(ValueError, match="must be uint8"):
        unloaded.describe([np.zeros((9, 9), np.uint8)], CONTEXTS[:1], "detailed")


def test_the_fingerprint_covers_weights_and_prompts_only(folder: Path, tmp_path: Path) -> None:
    facts = LmmDescriber(LmmSettings(weights=str(folder))).fingerprint()
    assert facts == LmmDescriber(LmmSettings(weights=str(folder), batch_size=1, device="cpu")).fingerprint()
    template = tmp_path / "mine.txt"
    template.write_text("Say more about $brief")
    other = LmmSettings(weights=str(folder), prompts=PromptSettings(more_detailed=str(template)))
    assert LmmDescriber(other).fingerprint() != facts
