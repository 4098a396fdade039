from typing import Any

from stages.recipes.embedded.page import page

LIBRARIES = {"torch": "2.11", "ultralytics": None}


def card(**facts: Any) -> dict[str, Any]:
    given = {"recipe": "some.recipe", "plan": {"steps": 5}, "cpu_minutes": 3.0, "libraries": LIBRARIES}
    return given | facts


def test_all_trainings_are_told_in_their_order() -> None:
    first = card(recipe="first")
    del first["libraries"]
    second = card(recipe="second", libraries={"torch": "2.15", "ultralytics": "8.4"}, before=first)
    last = card(
        name="florence2-nano", parameters=10, weight_bytes=20, train_seed=1, test_scenes=2, test_seed=3, scores={},
        recipe="third", device="Some GPU", wall_minutes=6.1, note="4 of at most 5 steps.", before=second,
    )  # fmt: skip

    told = [line for line in page([last]).splitlines() if line.startswith("- ")]

    assert told == [
        "- `python -m first`, 3.0 minutes of one CPU core: steps 5.",
        "- `python -m second`, 3.0 minutes of one CPU core: steps 5. Then torch 2.15, ultralytics 8.4.",
        "- `python -m third`, 6.1 minutes on Some GPU: steps 5. 4 of at most 5 steps.",
    ]
