"""A small detector learns a round: `train_student(job)`, beside Florence-2 and under the same rules.

Comes in: a `StudentJob`. Goes out: `rounds/NN/model-student/`, one rename as the last act, with the same files beside
the weights as any model of the loop:

    student.pt            the weights, as its library writes them, without its optimizer: any ultralytics tool reads it
    training.json         `Training`: from which checkpoint, on what, how
    manifest/model.json   checksums
    trainer/results.csv   a line per pass over the images

While it runs, pictures and boxes of the round lie in `training-model-student/data/` (student_data.py); a killed run
goes on from the last pass over the images that its library saved. Held-out images are never trained on; on them the
library measures the finished model against the labels of the round.
"""

import shutil
import time
from importlib import metadata
from pathlib import Path
from typing import cast

import msgspec

from shards.store import open_store
from specialists.weights import identity, locate, require_package, weight_file
from stages.retrain.data import RetrainError
from stages.retrain.job import (
    JOB_FILE,
    TRAINER,
    TRAINING_FILE,
    RetrainResult,
    StudentJob,
    Training,
    final_place,
    finished,
    job_hash,
    open_work,
    publish_model,
    work_folder,
)
from stages.retrain.metrics import Watch
from stages.retrain.pool import load_pool
from stages.retrain.seal import seal_model
from stages.retrain.student_data import class_names, write_lessons
from stages.retrain.student_doubts import Doubts
from stages.retrain.student_trainer import Student, checkpoint_names, fit_student

NAME = "fld retrain --student"
WEIGHTS = "student.pt"
LIBRARIES = ("torch", "ultralytics")
DATA = "data"
SIDES = "sides_px"
FOUND = "ap50"
LEAST_SIDE_PX = 16.0
"""Two cells of the finest grid of these detectors. Of BCCD's platelets, 12 px at an image_size of 192, a student found
none after 660 steps on human labels; at 320, 20 px, it found them with an AP of 0.71 at IoU 0.5."""
NOT_LEARNED = 0.02
"""AP at IoU 0.5 of a label on held-out images. A student learns a rare label late and suddenly: BCCD's platelets were
at 0 after 440 steps on human labels, at 0.81 after 660."""
NAMED = 10
"""So many labels that are not learned are told by name."""


def train_student(job: StudentJob, watch: Watch | None = None) -> RetrainResult:
    """Train, or go on where a killed run of the same job was, or return what is already there.

    Raises MissingRequirementError (package, checkpoint), CorpusError (no such round), RetrainError (nothing to train
    on, too many unreadable images, a loss that is no number)."""
    require_package(NAME, "ultralytics", "ultralytics")
    checkpoint = weight_file(NAME, locate(NAME, job.checkpoint, job.revision), (".pt",)).resolve()
    known = identity(NAME, job.checkpoint, job.revision)
    pool = load_pool(open_store(job.corpus), job.round)
    wanted = job_hash(job, known, pool.data)
    if (done := finished(job, wanted)) is not None:
        return RetrainResult(final_place(job), done, already=True)
    trained, held = pool.split(job.held_out)
    if not len(trained):
        raise RetrainError(f"round {job.round} has no image to train on: held_out {job.held_out}")
    work = work_folder(job)
    open_work(work, wanted)
    started = time.monotonic()
    names = class_names((trained, held), checkpoint_names(checkpoint))
    if not names:
        raise RetrainError(f"round {job.round} has no object with a label: a student has nothing to learn")
    lessons = write_lessons(trained, held, names, work / DATA, Doubts.of(job.settings))
    student = fit_student(checkpoint, lessons, job.settings, work / TRAINER, work / WEIGHTS, watch)
    training = _training(job, wanted, known, pool.data, student, time.monotonic() - started)
    _finish(job, work, training)
    return RetrainResult(final_place(job), training, resumed_from=student.resumed_from)


def shortcomings(training: Training) -> list[str]:
    """What a student does not see and what it has not learned, a line each; none of a model that is no student."""
    return [*hard_to_see(training), *not_learned(training)]


def not_learned(training: Training) -> list[str]:
    """A line that names the labels of the held-out images that the student does not find in them; none if it knows
    all."""
    found = cast(dict[str, float], training.recipe.get(FOUND, {}))
    missed = [label for label, value in found.items() if value < NOT_LEARNED]
    if not missed:
        return []
    more = f" and {len(missed) - NAMED} more" if len(missed) > NAMED else ""
    return [
        f"not learned, {len(missed)} of {len(found)} labels: {', '.join(missed[:NAMED])}{more}: AP at IoU 0.5 is below"
        f" {NOT_LEARNED:g} on {training.held_out_images} held-out images after {training.steps} steps; rare labels are"
        " learned last, set loop.student.steps higher"
    ]


def hard_to_see(training: Training) -> list[str]:
    """A line for each label of which half of the boxes are smaller than LEAST_SIDE_PX for the network; none of a model
    that is no student."""
    sides = cast(dict[str, float], training.recipe.get(SIDES, {}))
    return [
        f"{label}: half of its boxes are at most {side:g} px wide for the student, which hardly sees less than"
        f" {LEAST_SIDE_PX:g} px: set loop.student.image_size {LEAST_SIDE_PX / side:.1f} times as large"
        for label, side in sides.items()
        if side < LEAST_SIDE_PX
    ]


def _training(job: StudentJob, wanted: str, known: str, data: str, student: Student, seconds: float) -> Training:
    return Training(
        job=wanted,
        round=job.round,
        checkpoint=job.checkpoint,
        identity=known,
        data=data,
        settings={**job.settings.model_dump(mode="json"), "held_out": job.held_out},
        recipe={"labels": list(student.names), SIDES: dict(student.sides_px), FOUND: dict(student.ap50)},
        steps=student.steps,
        processes=1,
        images=student.images,
        held_out_images=student.held_out,
        unreadable_images=student.unreadable,
        seconds=round(seconds, 1),
        last_loss=student.last_loss,
        held_out={},
        libraries={name: metadata.version(name) for name in LIBRARIES},
        measures=dict(student.measures),
    )


def _finish(job: StudentJob, work: Path, training: Training) -> None:
    """The work folder becomes the model. Killed anywhere in here, the next run does it again."""
    shutil.rmtree(work / DATA, ignore_errors=True)
    (work / JOB_FILE).unlink(missing_ok=True)
    (work / TRAINING_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(training), indent=1) + b"\n")
    seal_model(work, training.job)
    publish_model(job, work)
