from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def loaded(checkpoint: Path) -> tuple[Any, Any]:
    import transformers

    library: Any = transformers
    model = library.Florence2ForConditionalGeneration.from_pretrained(checkpoint).eval()
    return model, library.AutoProcessor.from_pretrained(checkpoint)


def test_the_loss_is_that_of_transformers(loaded: tuple[Any, Any]) -> None:
    import torch
    from PIL import Image

    from stages.retrain.loss import LessonModel, group_lessons

    model, processor = loaded
    pictures = [Image.new("RGB", (64, 64), colour) for colour in ("red", "green")]
    lessons = [(0, "a red car"), (1, "dog<loc_1><loc_20><loc_300><loc_999>"), (0, "two dogs on the grass"), (1, "a")]
    asked = processor(text=["<CAPTION>"] * 2, images=pictures, return_tensors="pt")
    prompt = processor.tokenizer("<s>What does the image describe?</s>", add_special_tokens=False)["input_ids"]
    targets = [processor.tokenizer(f"<s>{text}</s>", add_special_tokens=False)["input_ids"] for _, text in lessons]
    trained = LessonModel(model, processor.tokenizer, spread=0.0)
    groups = group_lessons([(row, prompt, ids) for (row, _), ids in zip(lessons, targets, strict=True)], pad=1)
    with torch.no_grad():
        losses, tokens = trained(asked["pixel_values"], groups)
        for i, (row, _) in enumerate(lessons):
            one = {name: value[row : row + 1] for name, value in asked.items()}
            expected = model(**one, labels=torch.tensor([targets[i]])).loss
            assert int(tokens[i]) == len(targets[i])
            assert float(losses[i] / tokens[i]) == pytest.approx(float(expected), rel=1e-5)


def test_a_near_place_costs_less_than_a_far_one(loaded: tuple[Any, Any]) -> None:
    import torch

    from stages.retrain.loss import LessonModel

    model, processor = loaded
    trained = LessonModel(model, processor.tokenizer, spread=4.0).train()
    wanted = torch.tensor([trained.first_place + 500])

    def cost(said: int) -> float:
        logits = torch.zeros(1, len(processor.tokenizer))
        logits[0, trained.first_place + said] = 10.0
        return float(trained._tokens(logits, wanted))

    assert cost(500) < cost(504) < cost(520)
    assert trained.eval()._tokens(torch.zeros(1, 10), torch.tensor([3])).shape == (1,)
