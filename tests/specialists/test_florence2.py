"""Florence-2 on random weights: the same answers, boxes and probabilities as transformers' own path."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specialists.decoding import Decoding
from specialists.florence2 import (
    DetectorTask,
    Florence2Captioner,
    Florence2CaptionerSettings,
    Florence2Detector,
    Florence2DetectorSettings,
    Florence2Grounder,
    Florence2GrounderSettings,
    split_text,
)
from specialists.florence2_format import PROMPTS, prompt
from specialists.florence2_model import NEAR_BINS, Florence2Model, Search
from specialists.roles import Image
from tests.specialists.tiny_florence2 import save_tiny_florence2

SEARCH = Search(Decoding(1, 40), 4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_florence2(tmp_path_factory.mktemp("florence2"))


@pytest.fixture(scope="module")
def model(folder: Path) -> Florence2Model:
    return Florence2Model(folder, "cpu", "float32")


@pytest.fixture(scope="module")
def reference(folder: Path) -> tuple[Any, Any]:
    import transformers

    library: Any = transformers
    model = library.Florence2ForConditionalGeneration.from_pretrained(folder).eval()
    return model, library.AutoProcessor.from_pretrained(folder)


def pictures(count: int) -> list[Image]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (40 + 11 * i, 90 - 7 * i, 3), dtype=np.uint8) for i in range(count)]


def generate(reference: tuple[Any, Any], images: list[Image], text: str, **options: Any) -> Any:
    import torch

    model, processor = reference
    inputs = processor(images=images, text=[text] * len(images), return_tensors="pt", padding=True)
    with torch.inference_mode():
        return model.generate(**inputs, max_new_tokens=40, do_sample=False, **options)


def plain(reference: tuple[Any, Any], sequence: Any) -> str:
    text: str = reference[1].decode(sequence, skip_special_tokens=False)
    return text.replace("<s>", "").replace("</s>", "").replace("<pad>", "")


def test_prompts_are_those_of_the_processor(reference: tuple[Any, Any]) -> None:
    processor = reference[1]
    assert processor.task_prompts_without_inputs | processor.task_prompts_with_input == PROMPTS


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("task", ["<CAPTION>", "<OD>", "<CAPTION_TO_PHRASE_GROUNDING>a red car"])
def test_answers_are_those_of_generate(
    model: Florence2Model, reference: tuple[Any, Any], task: str, beams: int
) -> None:
    name, _, text = task.partition(">")
    images = pictures(3)
    ours = model.answer(images, [[prompt(f"{name}>", text)]] * 3, Search(Decoding(beams, 40), 4))  # type: ignore[arg-type]
    sequences = generate(reference, images, task, num_beams=beams)
    assert [answer.text for [answer] in ours] == [plain(reference, sequence) for sequence in sequences]


def test_token_probabilities_are_those_of_transition_scores(model: Florence2Model, reference: tuple[Any, Any]) -> None:
    """Of a location: the probability of all locations at most NEAR_BINS away, from the scores of the same step."""
    import torch

    images = pictures(3)
    found = generate(reference, images, "<OD>", num_beams=1, output_scores=True, return_dict_in_generate=True)
    expected = reference[0].compute_transition_scores(found.sequences, found.scores, normalize_logits=True)
    first, last = reference[1].tokenizer.convert_tokens_to_ids(["<loc_0>", "<loc_999>"])
    places = 0
    for image, ([answer], sequence) in enumerate(
        zip(model.answer(images, [[prompt("<OD>")]] * 3, SEARCH), found.sequences[:, 1:].tolist(), strict=True)
    ):
        kept = []
        for step, token in enumerate(sequence):
            if first <= token <= last:
                near = slice(max(first, token - NEAR_BINS), min(last, token + NEAR_BINS) + 1)
                kept.append(float(torch.log_softmax(found.scores[step][image], -1)[near].logsumexp(-1)))
                places += 1
            elif token not in (0, 1, 2):
                kept.append(float(expected[image][step]))
        assert len(kept) > 5
        assert answer.logprobs[: len(kept)] == pytest.approx(kept, abs=1e-4)
    assert places > 5


def test_the_likelihood_of_a_text_is_that_of_transformers_loss(
    model: Florence2Model, reference: tuple[Any, Any]
) -> None:
    import torch

    texts = ["a red car", "two dogs on the grass, and a red car behind them"]
    images = pictures(2)
    answers = model.score(images, [[(prompt("<CAPTION>"), text) for text in texts]] * 2, 3)
    library, processor = reference
    for image, mine in zip(images, answers, strict=True):
        inputs = processor(images=image, text="<CAPTION>", return_tensors="pt")
        for text, answer in zip(texts, mine, strict=True):
            labels = processor.tokenizer([f"<s>{text}</s>"], add_special_tokens=False, return_tensors="pt")["input_ids"]
            labels[0, 0] = -100  # <s> is no word of the text
            with torch.inference_mode():
                loss = float(library(**inputs, labels=labels, decoder_input_ids=_shifted(labels)).loss)
            assert answer.text == text
            assert len(answer.logprobs) == labels.shape[1] - 1
            assert answer.score() == pytest.approx(np.exp(-loss), rel=1e-4)


def _shifted(labels: Any) -> Any:
    """What the decoder reads: its start token and `<s>`, then the text."""
    read = labels.roll(1, dims=1)
    read[0, 0], read[0, 1] = 2, 0
    return read


def test_a_text_longer_than_the_decoder_is_scored_as_far_as_it_goes(model: Florence2Model) -> None:
    [[answer]] = model.score(pictures(1), [[(prompt("<CAPTION>"), "a red car " * 600)]], 1)
    assert len(answer.logprobs) == model._positions - 2
    assert answer.text.startswith("a red car a red car")


def test_many_prompts_of_one_image_answer_as_one_by_one(model: Florence2Model) -> None:
    images = pictures(3)
    prompts = [[prompt("<CAPTION>"), prompt("<OD>")], [], [prompt("<REGION_PROPOSAL>")] * 2]
    together = model.answer(images, prompts, SEARCH)
    assert [len(answers) for answers in together] == [2, 0, 2]
    for image, questions, answers in zip(images, prompts, together, strict=True):
        for question, answer in zip(questions, answers, strict=True):
            [[alone]] = model.answer([image.copy()], [[question]], SEARCH)
            assert alone.text == answer.text
            assert alone.logprobs == pytest.approx(answer.logprobs, abs=1e-4)


def test_an_image_is_encoded_once_while_its_array_lives(folder: Path) -> None:
    model = Florence2Model(folder, "cpu", "float32")
    seen: list[int] = []
    model._model.model.vision_tower.register_forward_hook(lambda _m, args, _o: seen.append(len(args[0])))
    images = pictures(3)
    model.answer(images, [[prompt("<CAPTION>"), prompt("<OD>")]] * 3, SEARCH)
    model.answer([images[1], images[1]], [[prompt("<OD>")]] * 2, SEARCH)
    assert seen == [3]
    assert len(model._features) == 3
    images.clear()
    assert len(model._features) == 0


def test_roles_of_one_process_share_the_model(folder: Path) -> None:
    captioner = Florence2Captioner(Florence2CaptionerSettings(weights=str(folder)))
    detector = Florence2Detector(Florence2DetectorSettings(weights=str(folder)))
    captioner.load()
    detector.load()
    assert captioner._model is detector._model


@pytest.mark.parametrize("task", ["<OD>", "<DENSE_REGION_CAPTION>", "<REGION_PROPOSAL>"])
def test_boxes_are_those_of_post_process_generation(
    folder: Path, reference: tuple[Any, Any], task: DetectorTask
) -> None:
    detector = Florence2Detector(Florence2DetectorSettings(weights=str(folder), task=task, max_new_tokens=40))
    detector.load()
    images = pictures(4)
    boxes_seen = 0
    for image, found in zip(images, detector.detect(images), strict=True):
        [sequence] = generate(reference, [image], task, num_beams=1)
        size = (image.shape[1], image.shape[0])
        bins = reference[1].post_process_generation(
            text=plain(reference, sequence), task="<REGION_PROPOSAL>", image_size=(1000, 1000)
        )["<REGION_PROPOSAL>"]["bboxes"]
        expected = np.sort((np.array(bins).reshape(-1, 2, 2) + 0.5) * size / 1000, axis=1).reshape(-1, 4)
        assert found.boxes == pytest.approx(expected, abs=1e-4)
        assert np.all((found.scores > 0) & (found.scores <= 1))
        boxes_seen += len(bins)
    assert boxes_seen > 3


def test_ground_asks_nothing_about_an_empty_text_and_splits_a_long_one(folder: Path) -> None:
    grounder = Florence2Grounder(Florence2GrounderSettings(weights=str(folder), max_new_tokens=8))
    grounder.load()
    image = pictures(1)[0]
    long = "a red car and two dogs on the grass. " * 60
    assert len(grounder._model.token_offsets(long)) > grounder._model.prompt_room
    found = grounder.ground([image, image, image], ["", long, " ... <loc_5> "])
    assert (len(found), found[0], found[2]) == (3, [], [])


def test_long_texts_are_cut_after_sentences_then_words() -> None:
    text = "one two. three four five six"
    tokens = [(0, 3), (3, 7), (7, 8), (8, 14), (14, 19), (19, 24), (24, 28)]
    assert split_text(text, tokens, 4) == [(0, "one two."), (8, " three four five six")]
    assert split_text(text, tokens, 2) == [(0, "one"), (3, " two."), (8, " three four"), (19, " five six")]
    assert "".join(part for _, part in split_text(text, tokens, 5)) == text
    assert split_text("", [], 4) == []


def test_a_caption_is_cut_off_at_max_new_tokens_with_its_score(folder: Path) -> None:
    captioner = Florence2Captioner(Florence2CaptionerSettings(weights=str(folder), max_new_tokens=5))
    captioner.load()
    captions = captioner.caption(pictures(2), "detailed")
    assert not any("<loc_" in caption.text for caption in captions)  # random weights write many
    assert all(0 < (caption.score or 0) <= 1 for caption in captions)


def test_a_prompt_that_is_too_long_is_refused(model: Florence2Model) -> None:
    with pytest.raises(ValueError, match=r"prompt has \d+ tokens, room is 445"):
        model.answer(pictures(1), [["dog " * 500]], SEARCH)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_answers_nearly_the_same(folder: Path, model: Florence2Model, dtype: str) -> None:
    images, half = pictures(2), Florence2Model(folder, "cpu", dtype)
    for [rough], [exact] in zip(
        half.answer(images, [[prompt("<OD>")]] * 2, Search(Decoding(1, 4), 4)),
        model.answer(images, [[prompt("<OD>")]] * 2, Search(Decoding(1, 4), 4)),
        strict=True,
    ):
        assert rough.logprobs[0] == pytest.approx(exact.logprobs[0], abs=0.1)
