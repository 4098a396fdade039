"""Which model writes which round. The state is on disk, and nowhere else.

rounds/00/model/             trained on round 0
rounds/00/model/calibration.json   what its scores are worth, found by the gate
rounds/00/promotion.json     promoted: it writes round 1
rounds/01/promotion.json     refused: the model of round 0 writes round 2, too

Those of the loop's Florence-2 (`generalist`); other learners' names stand behind theirs: model-student/,
promotion-student.json.
"""

import re

import msgspec

from engine.config.config_text import ConfigError
from shards import commit
from shards.commit import ImageCounts
from shards.errors import DamageError
from shards.layout import round_folder
from shards.seal import read_sealed, write_sealed
from shards.store import LocalStore, Store
from stages.fuse.settings import GENERALIST
from stages.gate.calibration import ModelCalibration, decode_calibration
from stages.gate.decide import Promotion
from stages.retrain.job import model_path

CALIBRATION_UNIT = "calibration"
"""Name of the unit in the model's folder, and of its file."""
CONSENSUS = "round 0"
"""What models are judged by where there is no gold."""
_FILE = f"{CALIBRATION_UNIT}.json"
_OTHERS = re.compile(r"promotion-(.+)\.json")


def model_name(learner: str) -> str:
    """The folder of its models: `model_name("student")` is "model-student"."""
    return "model" if learner == GENERALIST else f"model-{learner}"


def promotion_path(number: int, learner: str = GENERALIST) -> str:
    """`promotion_path(3)` is "rounds/03/promotion.json", `promotion_path(3, "student")` promotion-student.json."""
    stem = "promotion" if learner == GENERALIST else f"promotion-{learner}"
    return f"{round_folder(number)}/{stem}.json"


def read_promotion(store: Store, number: int, learner: str = GENERALIST) -> Promotion | None:
    """The verdict on the model of round `number`; None while there is none. Raises DamageError."""
    path = promotion_path(number, learner)
    try:
        data = read_sealed(store, path, "delete it, and `fld loop` judges the model again")
        return msgspec.json.decode(data, type=Promotion)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise DamageError(f"{path} is damaged: {error}; delete it, and `fld loop` judges the model again") from error


def promotions_of(store: Store, number: int) -> dict[str, Promotion]:
    """The verdicts on all models of a round, by learner, the generalist's first."""
    names = [match[1] for name in store.names(round_folder(number)) if (match := _OTHERS.fullmatch(name))]
    promotions = {learner: read_promotion(store, number, learner) for learner in (GENERALIST, *names)}
    return {learner: promotion for learner, promotion in promotions.items() if promotion is not None}


def save_promotion(store: Store, number: int, promotion: Promotion, learner: str = GENERALIST) -> None:
    """Publish the verdict."""
    write_sealed(store, promotion_path(number, learner), msgspec.json.format(msgspec.json.encode(promotion)) + b"\n")


def read_calibration(store: Store, number: int, learner: str = GENERALIST) -> ModelCalibration | None:
    """What the scores of the model of round `number` are worth; None while nobody knows. Raises DamageError."""
    folder = model_path(number, model_name(learner))
    path = f"{folder}/{_FILE}"
    try:
        data = store.read(path)
    except FileNotFoundError:
        return None
    manifest = commit.find(store, folder, CALIBRATION_UNIT)
    if manifest is None or (damages := commit.verify_unit(store, folder, manifest)):
        reason = "its manifest is missing or damaged" if manifest is None else damages[0].reason
        raise DamageError(f"{path} is damaged: {reason}; delete it, and `fld loop` fits it again")
    try:
        return decode_calibration(data)
    except msgspec.DecodeError as error:
        raise DamageError(f"{path} is no calibration: {error}; delete it, and `fld loop` fits it again") from error


def save_model_calibration(
    store: Store, number: int, calibration: ModelCalibration, conditions: str, learner: str = GENERALIST
) -> None:
    """Publish it beside the model, as a unit whose fingerprint is `conditions` (those of the `Promotion`)."""
    data = msgspec.json.format(msgspec.json.encode(calibration)) + b"\n"
    commit.publish(
        store, model_path(number, model_name(learner)), CALIBRATION_UNIT, {_FILE: data}, ImageCounts(0, 0), conditions
    )


def is_calibrated(store: Store, number: int, conditions: str, learner: str = GENERALIST) -> bool:
    """Whether the calibration of round `number` was fitted under these conditions."""
    folder = model_path(number, model_name(learner))
    manifest = commit.find(store, folder, CALIBRATION_UNIT)
    return manifest is not None and manifest.fingerprint == conditions and _FILE in store.names(folder)


def model_below(store: Store, number: int, learner: str = GENERALIST) -> int | None:
    """The last round below `number` whose model of this learner was promoted: it writes round `number`."""
    for below in reversed(range(number)):
        promotion = read_promotion(store, below, learner)
        if promotion is not None and promotion.promoted:
            return below
    return None


def weights_of(store: Store, number: int, learner: str = GENERALIST) -> str:
    """The folder of the model of round `number`, as all workers must see it. Raises ConfigError off a disk."""
    if not isinstance(store, LocalStore):
        raise ConfigError(
            f"fld loop needs a corpus in a folder that all workers see, got {store.url}: models are loaded from there"
        )
    return f"{store.url}/{model_path(number, model_name(learner))}"
