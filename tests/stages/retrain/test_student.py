import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from shards.store import open_store
from specialists.roles import MissingRequirementError
from specialists.ultralytics_yolo import UltralyticsDetector, UltralyticsSettings, read_checkpoint
from stages.retrain.data import RetrainError
from stages.retrain.job import StudentJob, read_training
from stages.retrain.metrics import Event
from stages.retrain.student import hard_to_see, not_learned, shortcomings, train_student
from stages.retrain.student_settings import StudentSettings
from tests.stages.retrain import corpora

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")


def job(corpus: str, checkpoint: str = "embedded:yolo-nano", *, again: bool = False, **changes: Any) -> StudentJob:
    quick = {"steps": 6, "batch": 8, "image_size": 64, "warmup": 2}
    settings = StudentSettings.model_validate(quick | changes)
    return StudentJob(corpus, 0, checkpoint, settings, held_out=0.2, again=again)


def test_a_student_is_trained_and_a_detector_loads_it(corpus: str) -> None:
    events: list[Event] = []
    result = train_student(job(corpus), events.append)
    assert [event["step"] for event in events] == [3, 6]
    found = sorted(path.relative_to(result.folder).as_posix() for path in Path(result.folder).rglob("*.*"))
    assert found == ["manifest/model.json", "student.pt", "trainer/results.csv", "training.json"]
    training = read_training(open_store(corpus), 0, "model-student")
    assert training == result.training
    assert training is not None
    assert (training.steps, training.images + training.held_out_images) == (6, 24)
    assert training.recipe["labels"] == ["blue square", "green square", "red square", "white square"]
    assert set(training.recipe) == {"labels", "sides_px", "ap50"}
    assert set(training.measures) == {"precision", "recall", "mAP50", "mAP50-95"}
    detector = UltralyticsDetector(UltralyticsSettings(weights=result.folder, score_floor=0.0))
    detector.load()
    [said] = detector.detect([np.zeros((64, 64, 3), np.uint8)])
    assert set(said.labels) <= set(training.recipe["labels"])
    assert detector._loaded.overrides["imgsz"] == 64  # what it was trained with is what it sees


def test_what_is_done_is_not_done_again(corpus: str) -> None:
    first = train_student(job(corpus, steps=1))
    second = train_student(job(corpus, steps=1))
    assert (first.already, second.already, second.training) == (False, True, first.training)
    with pytest.raises(RetrainError, match=r"model-student of .* was trained from .*use --again to replace it"):
        train_student(job(corpus, steps=1, seed=2))
    third = train_student(job(corpus, steps=1, seed=2, again=True))
    assert third.training.settings["seed"] == 2


def test_doubtful_labels_and_rare_ones_may_weigh_differently(corpus: str) -> None:
    result = train_student(job(corpus, steps=1, doubtful="weigh", sure=1.0, arguments={"cls_pw": 0.5}))
    assert result.training.settings["doubtful"] == "weigh"
    assert set(result.training.measures) == {"precision", "recall", "mAP50", "mAP50-95"}
    read = read_checkpoint(Path(result.folder) / "student.pt")
    assert len(read["model"].names) == 4


def test_a_killed_run_goes_on_from_the_last_pass(corpus: str, tmp_path: Path) -> None:
    script = tmp_path / "killed.py"
    script.write_text(
        "import os, signal, sys\n"
        "from stages.retrain.student import train_student\n"
        "from tests.stages.retrain.test_student import job\n"
        "def kill(event):\n"
        "    if event['step'] == 6: os.kill(os.getpid(), signal.SIGKILL)\n"
        "train_student(job(sys.argv[1], steps=9), kill)\n"
    )
    environment = os.environ | {"PYTHONPATH": os.getcwd()}
    died = subprocess.run([sys.executable, str(script), corpus], env=environment, check=False)
    assert died.returncode == -signal.SIGKILL
    assert read_training(open_store(corpus), 0, "model-student") is None
    events: list[Event] = []
    result = train_student(job(corpus, steps=9), events.append)
    assert (result.resumed_from, result.training.steps) == (3, 9)
    assert [event["step"] for event in events] == [6, 9]
    assert not (Path(corpus) / "rounds/00/training-model-student").exists()


def test_a_loss_that_is_no_number_ends_the_run(corpus: str) -> None:
    with pytest.raises(RetrainError, match=r"the loss must be a finite number.*lower loop\.student\.learning_rate"):
        train_student(job(corpus, arguments={"box": 1e38}))
    assert read_training(open_store(corpus), 0, "model-student") is None


def test_what_a_student_cannot_be_made_of(corpus: str, tmp_path: Path) -> None:
    with pytest.raises(MissingRequirementError, match=r"nowhere\.pt"):
        train_student(job(corpus, str(tmp_path / "nowhere.pt")))
    with pytest.raises(ValueError, match=r"arguments must not name epochs, lr0: settings beside it"):
        StudentSettings(arguments={"lr0": 1.0, "epochs": 3})
    with pytest.raises(RetrainError, match=r"see loop\.student\.arguments: .*'flplr' is not a valid YOLO argument"):
        train_student(job(corpus, arguments={"flplr": 0.5}))
    with pytest.raises(RetrainError, match=r"no image to train on: held_out 1"):
        train_student(StudentJob(corpus, 0, "embedded:yolo-nano", StudentSettings(), held_out=1.0))


def test_damaged_pictures_are_left_out_up_to_a_budget(tmp_path: Path) -> None:
    corpus = corpora.build(tmp_path / "corpus")
    corpora.damage(corpus)
    with pytest.raises(RetrainError, match=r"round 0: \d+ of 24 images cannot be read, the budget is 1%"):
        train_student(job(corpus))


def test_labels_that_are_too_small_to_be_seen_are_said(corpus: str) -> None:
    training = train_student(job(corpus, steps=1)).training
    seen = msgspec.structs.replace(training, recipe={"sides_px": {"cell": 40.0, "platelet": 12.0}})
    assert hard_to_see(seen) == [
        "platelet: half of its boxes are at most 12 px wide for the student, which hardly sees less than 16 px:"
        " set loop.student.image_size 1.3 times as large"
    ]
    assert hard_to_see(msgspec.structs.replace(training, recipe={})) == []


def test_labels_that_are_not_learned_are_said(corpus: str) -> None:
    training = train_student(job(corpus, steps=1, fresh="always")).training
    found = training.recipe["ap50"]
    assert isinstance(found, dict)
    assert set(found) <= {"blue square", "green square", "red square", "white square"}
    [line] = not_learned(training)  # random weights find nothing
    assert line.startswith(f"not learned, {len(found)} of {len(found)} labels: {', '.join(found)}: AP at IoU 0.5")
    seen = msgspec.structs.replace(training, recipe={"ap50": {"cell": 0.8, "platelet": 0.001}}, held_out_images=19)
    assert shortcomings(seen) == [
        "not learned, 1 of 2 labels: platelet: AP at IoU 0.5 is below 0.02 on 19 held-out images after 3 steps; rare"
        " labels are learned last, set loop.student.steps higher"
    ]
    many = msgspec.structs.replace(training, recipe={"ap50": {f"label {i}": 0.0 for i in range(12)}})
    assert "label 8, label 9 and 2 more: AP" in not_learned(many)[0]
    assert shortcomings(msgspec.structs.replace(training, recipe={})) == []
