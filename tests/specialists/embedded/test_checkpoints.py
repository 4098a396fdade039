"""Every embedded checkpoint loads through its production adapter and is clearly better than chance on unseen scenes.

The floors are far below the scores of the model card: they catch a checkpoint that is broken, or does not belong to
the adapter any more, not one that is a little worse.
"""

import json

import pytest

from shards.record import Record
from specialists.roles import Image
from specialists.weights import EMBEDDED_FOLDER
from stages.recipes.embedded.data import TRAIN_SEED, TUNE_SEED
from stages.recipes.embedded.measure import MEASURES
from stages.scenes.gold import draw_scene

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")

TEST_SCENES = 20
MEGABYTES = 25
FLOORS = {
    "yolo-nano": {"boxes/map50": 0.5, "boxes/precision": 0.6, "boxes/recall": 0.4},
    "sam-nano": {"masks/iou": 0.7},
    "clip-nano": {"matches/label": 0.6, "matches/phrase": 0.6},
    "florence2-nano": {
        "captions/brief/exact": 0.1,
        "captions/brief/cider": 3.0,
        "captions/detailed/cider": 2.0,
        "crops/kind": 0.8,
        "boxes/map50": 0.4,
        "tiles/map50": 0.55,
        "phrases/recall_at_1": 0.7,
    },
}


@pytest.fixture(scope="module")
def held() -> list[tuple[Image, Record]]:
    found = [draw_scene(TUNE_SEED + 1, index) for index in range(TEST_SCENES)]
    return [(scene.image, scene.record) for scene in found]


def test_all_checkpoints_are_there_and_measured() -> None:
    assert set(FLOORS) == set(MEASURES)


@pytest.mark.parametrize("name", FLOORS)
def test_checkpoint_beats_its_floors(name: str, held: list[tuple[Image, Record]]) -> None:
    scores = MEASURES[name](EMBEDDED_FOLDER / name, held, 0)

    below = {key: scores[key].value for key, floor in FLOORS[name].items() if not scores[key].value >= floor}
    assert below == {}


@pytest.mark.parametrize("name", FLOORS)
def test_card_says_how_it_was_made_and_what_it_can_do(name: str) -> None:
    card = json.loads((EMBEDDED_FOLDER / name / "card.json").read_bytes())

    assert card["train_seed"] == TRAIN_SEED
    assert card["test_seed"] not in (TRAIN_SEED, TUNE_SEED)
    assert card["weight_bytes"] == sum(
        path.stat().st_size for path in (EMBEDDED_FOLDER / name).iterdir() if path.suffix in (".safetensors", ".pt")
    )
    assert set(FLOORS[name]) <= set(card["scores"])


def test_together_they_are_small_enough_for_git() -> None:
    size = sum(path.stat().st_size for path in EMBEDDED_FOLDER.rglob("*") if path.is_file())

    assert size < MEGABYTES * 1e6
