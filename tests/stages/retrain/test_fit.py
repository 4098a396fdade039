"""Presets follow the checkpoint, and the paper's are the paper's."""

import json
from pathlib import Path

import pytest

from specialists.weights import EMBEDDED_FOLDER, identity
from stages.retrain.data import RetrainError
from stages.retrain.fit import fitted, mark_untrained
from stages.retrain.job import RetrainJob, job_hash
from stages.retrain.presets import PRESETS, Preset
from stages.retrain.settings import RetrainSettings


def checkpoint(folder: Path, width: int, *, untrained: bool = False, before: Preset | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "florence2", "text_config": {"d_model": width}}))
    if untrained:
        mark_untrained(folder)
    if before:
        (folder / "training.json").write_text(json.dumps({"settings": {"preset": before}}))
    return folder


@pytest.mark.parametrize(
    ("width", "untrained", "before", "wanted"),
    [
        (128, False, None, "nano"),
        (128, True, None, "nano"),
        (768, False, None, "finetune"),
        (1024, False, None, "finetune"),
        (768, True, None, "base"),
        (1024, True, None, "large"),
        (768, False, "base", "finetune"),
        (768, False, "finetune", "finetune"),
        (128, False, "nano", "nano"),
    ],
)
def test_the_preset_follows_the_checkpoint(
    tmp_path: Path, width: int, untrained: bool, before: Preset | None, wanted: Preset
) -> None:
    folder = checkpoint(tmp_path / "model", width, untrained=untrained, before=before)
    assert fitted(RetrainSettings(), folder).preset == wanted
    assert fitted(RetrainSettings(steps=7), folder).recipe.steps == 7


def test_the_embedded_model_is_trained_as_before() -> None:
    assert fitted(RetrainSettings(), EMBEDDED_FOLDER / "florence2-nano").recipe == PRESETS["nano"]


@pytest.mark.parametrize(
    ("preset", "width", "untrained", "words"),
    [
        (
            "nano",
            768,
            False,
            r"is nano, which is for models as small as .* a trained Florence-2 of width 768",
        ),
        (
            "finetune",
            128,
            False,
            r"is finetune, which is for trained .* of width 128: set loop.retrain.preset=nano, or",
        ),
        ("finetune", 768, True, r"is an untrained Florence-2 of width 768: set loop.retrain.preset=base, or to null"),
        ("base", 1024, True, r"preset is base, which is for models of width 768.*preset=large"),
        ("large_768", 768, False, r"is large_768, which is for models of width 1024.*preset=finetune"),
    ],
)
def test_a_preset_that_does_not_fit_is_an_error_that_names_both(
    tmp_path: Path, preset: Preset, width: int, untrained: bool, words: str
) -> None:
    folder = checkpoint(tmp_path / "model", width, untrained=untrained)
    with pytest.raises(RetrainError, match=words) as caught:
        fitted(RetrainSettings(preset=preset), folder)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(
    ("preset", "steps", "batch", "rate", "size"),
    [
        ("base", 1_464_844, 2048, 1e-4, 384),
        ("base_768", 244_141, 2048, 1e-4, 768),
        ("large", 976_562, 3072, 1e-5, 384),
        ("large_768", 32_552, 3072, 1e-5, 768),
    ],
)
def test_steps_of_the_papers_phases_follow_from_the_effective_samples(
    preset: Preset, steps: int, batch: int, rate: float, size: int
) -> None:
    recipe = PRESETS[preset]
    assert (recipe.steps, recipe.learning_rate, recipe.warmup, recipe.image_size) == (steps, rate, 5000, size)
    assert not recipe.freeze_vision
    assert len(recipe.weights) == 15
    for processes in (1, 4, 8):
        spread = recipe.over(processes)
        lessons = spread.batch * spread.targets * spread.accumulation * processes
        assert lessons == batch
        assert spread.steps == steps
    odd = recipe.over(3)
    lessons = odd.batch * odd.targets * odd.accumulation * 3
    assert abs(lessons / batch - 1) < 0.2
    assert odd.steps * lessons == pytest.approx(steps * batch, rel=0.001)


def test_what_is_set_wins_over_what_follows() -> None:
    assert RetrainSettings(preset="base", steps=10).recipe.over(8).steps == 10
    assert RetrainSettings(preset="base", accumulation=3).recipe.over(8).accumulation == 3
    assert RetrainSettings(preset="nano", samples=6400).recipe.over(2).steps == 50
    assert RetrainSettings(preset="nano", effective_batch=256).recipe.over(2).accumulation == 2


def test_trainings_that_are_finished_stay_so(tmp_path: Path) -> None:
    """The hash of a job of release 0.1, computed there."""
    job = RetrainJob("corpus", 0, "embedded:florence2-nano", RetrainSettings(preset="nano"))
    assert job_hash(job, "sha256:1", "data") == OLD_HASH


def test_the_mark_of_an_untrained_model_is_no_part_of_it(tmp_path: Path) -> None:
    plain, marked = checkpoint(tmp_path / "a", 128), checkpoint(tmp_path / "b", 128, untrained=True)
    assert identity("x", str(plain), None) == identity("x", str(marked), None)


OLD_HASH = "c4415ad508c4b88eb05c1ca2c31277a60871cd1f1a0f75f503211bbd08b8ef1c"
