import json
from pathlib import Path

from stages.recipes.embedded.card import cpu_seconds, write_card
from stages.recipes.embedded.running import NanoRecipe, note


def test_minutes_are_summed_over_the_processes_of_a_run() -> None:
    assert cpu_seconds([10.0, 60.0, 5.0, 20.0, 30.0]) == 90.0


def test_a_card_tells_all_trainings_before(tmp_path: Path) -> None:
    note(tmp_path, step=1)
    plan = NanoRecipe(seed=1, scenes=2, steps=3, batch=4, rate=0.1, ema=0.9)
    first = {"recipe": "first", "cpu_minutes": 1.0}
    second = {"recipe": "second", "device": "Some GPU", "scores": {}, "before": first}

    write_card(tmp_path, "third", plan, tmp_path, 10, second, {"device": "cuda", "wall_minutes": 6.0})

    card = json.loads((tmp_path / "card.json").read_text())
    assert (card["device"], card["wall_minutes"]) == ("cuda", 6.0)
    assert card["before"] == {"recipe": "second", "device": "Some GPU", "before": first}
