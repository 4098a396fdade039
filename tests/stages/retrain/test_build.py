"""Untrained checkpoints: their sizes, their tokens, what makes them equal, and that plain transformers runs them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from specialists.florence2_format import PROMPTS
from specialists.roles import MissingRequirementError
from stages.retrain.build import (
    EXTRA_TOKENS,
    SIZES,
    Size,
    build_model,
    build_processor,
    learn_tokenizer,
    load_tokenizer,
    save_untrained,
    tokenizer_texts,
)
from stages.retrain.data import RetrainError
from tests.stages.retrain import corpora

TEXTS = [*PROMPTS.values(), "a red square", "a green square", "a red dog", "two dogs on the grass"] * 2


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return learn_tokenizer(TEXTS, 1000)


class ReleasedVocabulary:
    """The sizes of the released checkpoints' tokenizer."""

    image_token_id, pad_token_id = 51289, 1

    def __len__(self) -> int:
        return 51290

    def convert_tokens_to_ids(self, token: str) -> int:
        return {"<loc_0>": 50269}[token]


@pytest.mark.parametrize(("size", "tower", "language"), [("base", 0.09e9, 0.14e9), ("large", 0.36e9, 0.41e9)])
def test_the_papers_sizes_have_the_papers_parameters(size: Size, tower: float, language: float) -> None:
    with torch.device("meta"):
        model = build_model(size, ReleasedVocabulary(), 1, ordinal_locations=True)
    assert sum(w.numel() for w in model.model.vision_tower.parameters()) == pytest.approx(tower, rel=0.01)
    assert sum(w.numel() for w in model.model.language_model.parameters()) == pytest.approx(language, rel=0.01)
    total = sum(weights.numel() for weights in model.parameters())
    assert total == pytest.approx({"base": 0.23e9, "large": 0.77e9}[size], rel=0.01)
    assert SIZES[size].image_tokens == 577


def test_nano_is_the_embedded_architecture(tokenizer: Any) -> None:
    model = build_model("nano", tokenizer, 1, ordinal_locations=True)
    assert sum(weights.numel() for weights in model.parameters()) < 2e6
    assert SIZES["nano"].image_tokens == 1 + 12 * 12
    grid = model.model.multi_modal_projector.image_position_embed.row_embeddings.weight
    assert grid.abs().max().item() == pytest.approx(1.0, abs=1e-3)


def test_the_extra_tokens_are_official_and_in_order(tokenizer: Any) -> None:
    assert len(EXTRA_TOKENS) == len(set(EXTRA_TOKENS)) == 1024
    ids = tokenizer.convert_tokens_to_ids(list(EXTRA_TOKENS))
    assert ids == list(range(ids[0], ids[0] + 1024)) == list(range(len(tokenizer) - 1024, len(tokenizer)))
    assert tokenizer.convert_tokens_to_ids(["<s>", "<pad>", "</s>", "<unk>", "<mask>"]) == [0, 1, 2, 3, 4]
    written = "red dog<loc_0><loc_999>naïve 猫"
    assert tokenizer.decode(tokenizer(written, add_special_tokens=False)["input_ids"]) == written


def test_equal_seeds_give_equal_weights(tokenizer: Any) -> None:
    first, same, other = (build_model("nano", tokenizer, seed, ordinal_locations=True) for seed in (1, 1, 2))
    pairs = zip(first.parameters(), same.parameters(), strict=True)
    assert all(torch.equal(one, two) for one, two in pairs)
    assert not torch.equal(first.get_input_embeddings().weight, other.get_input_embeddings().weight)


def test_ordinal_locations_start_like_their_neighbours_and_change_nothing_else(tokenizer: Any) -> None:
    plain = build_model("nano", tokenizer, 1, ordinal_locations=False).state_dict()
    ordinal = build_model("nano", tokenizer, 1, ordinal_locations=True).state_dict()
    first = tokenizer.convert_tokens_to_ids("<loc_0>")
    name = "model.language_model.shared.weight"
    rows, random = ordinal[name][first : first + 1000], plain[name][first : first + 1000]
    assert _likeness(rows, 1) > _likeness(rows, 300) + 0.2
    assert abs(_likeness(random, 1)) < 0.05
    changed = {key for key in plain if not torch.equal(plain[key], ordinal[key])}
    tied = {key for key in plain if plain[key].data_ptr() == plain[name].data_ptr()}
    assert changed == tied
    assert torch.equal(plain[name][:first], ordinal[name][:first])
    assert torch.equal(plain[name][first + 1000 :], ordinal[name][first + 1000 :])


def _likeness(rows: torch.Tensor, apart: int) -> float:
    return float(torch.cosine_similarity(rows[:-apart], rows[apart:]).mean())


def test_a_tokenizer_learns_questions_and_labels_but_no_places() -> None:
    texts = list(tokenizer_texts(corpora.sample(0)[1]))
    assert {PROMPTS["<CAPTION>"], "a red square", "red square"} <= set(texts)
    assert not any("<" in text for text in texts)


def test_plain_transformers_loads_it_and_generates(tokenizer: Any, tmp_path: Path) -> None:
    folder = tmp_path / "untrained"
    model = build_model("nano", tokenizer, 1, ordinal_locations=True)
    save_untrained(model, build_processor("nano", tokenizer), folder)
    assert [path.name for path in tmp_path.iterdir()] == ["untrained"]
    library: Any = transformers
    processor = library.AutoProcessor.from_pretrained(folder)
    loaded = library.AutoModelForImageTextToText.from_pretrained(folder)
    assert processor.tokenizer.get_vocab() == tokenizer.get_vocab()
    inputs = processor(text="<OD>", images=np.zeros((40, 60, 3), dtype=np.uint8), return_tensors="pt")
    ids = loaded.generate(**inputs, max_new_tokens=8)
    text = processor.batch_decode(ids, skip_special_tokens=False)[0]
    assert "<OD>" in processor.post_process_generation(text, task="<OD>", image_size=(60, 40))
    again = load_tokenizer(str(folder))
    assert again.get_vocab() == tokenizer.get_vocab()


def test_a_tokenizer_that_lacks_places_is_refused(checkpoint: Path) -> None:
    with pytest.raises(RetrainError, match=r"must know Florence-2's 1,024 tokens, 17 are missing: <cap>, </cap>, "):
        load_tokenizer(str(checkpoint))


def test_a_folder_without_a_processor_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "florence2"}))
    with pytest.raises(RetrainError, match=r"no processor of a Florence-2 in .*: name a folder that has"):
        load_tokenizer(str(tmp_path))
    with pytest.raises(MissingRequirementError, match="fld init"):
        load_tokenizer(str(tmp_path / "nothing"))
