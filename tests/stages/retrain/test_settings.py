import pytest
from pydantic import ValidationError

from stages.retrain.presets import PRESETS, TASK_SETS
from stages.retrain.settings import RetrainSettings


def test_a_preset_gives_what_is_not_set() -> None:
    assert RetrainSettings(preset="finetune").recipe == PRESETS["finetune"]
    changed = RetrainSettings(preset="finetune", steps=7, location_spread=2.0).recipe
    assert (changed.steps, changed.location_spread, changed.learning_rate) == (7, 2.0, 1e-5)


def test_a_number_that_is_zero_wins_over_the_preset() -> None:
    assert RetrainSettings(preset="nano", location_spread=0.0, warmup=0).recipe.location_spread == 0.0
    assert RetrainSettings(preset="large", gradient_checkpointing=False).recipe.gradient_checkpointing is False


def test_the_ablation_trains_ever_more_tasks() -> None:
    image, region, pixel = (set(TASK_SETS[name]) for name in ("image", "image-region", "image-region-pixel"))
    assert image < region < pixel
    assert set(RetrainSettings(preset="base", tasks="image").recipe.weights) == image


def test_a_task_of_weight_zero_is_not_trained() -> None:
    recipe = RetrainSettings(tasks=["<OD>", "<CAPTION>"], task_weights={"<CAPTION>": 0.0, "<OD>": 3.0}).recipe
    assert recipe.weights == {"<OD>": 3.0}


def test_contradictions_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"steps and epochs exclude each other, got 3 and 1.0"):
        RetrainSettings(steps=3, epochs=1.0)
    with pytest.raises(ValidationError, match=r"tasks must name at least one task whose weight is not 0, got \[\]"):
        RetrainSettings(tasks=[])
    with pytest.raises(ValidationError, match=r"task_weights must be at least 0, got -1.0 for <OD>"):
        RetrainSettings(task_weights={"<OD>": -1.0})
