"""specialists/embedded/README.md: the model cards of the embedded checkpoints, as a page, from their card.json.

python -m stages.recipes.embedded.page
"""

import argparse
import json
from pathlib import Path
from typing import Any

from specialists.weights import EMBEDDED_FOLDER

ABOUT = {
    "florence2-nano": "Florence-2 (transformers' native classes), 192 px: captions, boxes, phrases",
    "yolo-nano": "YOLO11 (ultralytics) at an eighth of its width, 192 px: objects",
    "sam-nano": "SAM (segment-anything), 256 px: the mask of a box",
    "clip-nano": "CLIP (transformers), 64 px: which text fits a crop",
}
LICENCES = {"yolo-nano": "AGPL-3.0 (made with ultralytics, whose classes the file names)"}
INTRODUCTION = """# Embedded checkpoints

Four tiny checkpoints that let a newcomer run the whole engine without a download. They have the architectures of the
production models, go through the same adapters, and were trained from nothing by `make embedded`
(`stages/recipes/embedded`) on scenes that the project draws. **They know only that world**: on photographs everything
but OCR (RapidOCR, which is real) is a smoke test.

Scores are measured through the production adapters on scenes of a seed that no training saw; nothing sees the gold
before the prediction is made. In brackets: 95% bootstrap interval over scenes. Boxes: map and map50 are
of all boxes, the other box measures of those with a score of at least 0.3; phrases: all. This page is written from the
`card.json` beside each checkpoint by `python -m stages.recipes.embedded.page`.
"""


def page(cards: list[dict[str, Any]]) -> str:
    """Markdown: what there is, how it was trained, what it can do."""
    head = "| checkpoint | what | parameters | MB | licence |\n| --- | --- | ---: | ---: | --- |\n"
    rows = [
        f"| {c['name']} | {ABOUT[c['name']]} | {c['parameters'] / 1e6:.2f} M | {c['weight_bytes'] / 1e6:.1f} |"
        f" {LICENCES.get(c['name'], 'Apache-2.0')} |\n"
        for c in cards
    ]
    return "\n".join([INTRODUCTION, head + "".join(rows), *map(_section, cards)])


def _section(card: dict[str, Any]) -> str:
    libraries = ", ".join(f"{name} {version}" for name, version in card["libraries"].items() if version)
    trained = [_trained(part, card["libraries"]) for part in _trainings(card)]
    table = "".join(f"| {name} | {_estimate(score)} | {score['count']} |\n" for name, score in card["scores"].items())
    return (
        f"## {card['name']}\nTrained with {libraries} on scenes of seed {card['train_seed']}.\n\n"
        + "\n".join(trained)
        + f"\n\n"
        f"On {card['test_scenes']} scenes of seed {card['test_seed']}:\n\n"
        f"| measure | value | of |\n| --- | --- | ---: |\n{table}"
    )


def _trainings(card: dict[str, Any]) -> list[dict[str, Any]]:
    """The card and those of the trainings before, in the order in which they were done."""
    return [*_trainings(card["before"]), card] if "before" in card else [card]


def _trained(part: dict[str, Any], libraries: dict[str, str | None]) -> str:
    """One training: its command, what it took, its numbers. libraries: those that were named already."""
    plan = ", ".join(f"{name} {value}" for name, value in part["plan"].items())
    note = f" {part['note']}" if "note" in part else ""
    took = f"{part['cpu_minutes']} minutes of one CPU core"
    if "device" in part:
        took = f"{part['wall_minutes']} minutes on {part['device']}"
    own = part.get("libraries", libraries)
    other = ", ".join(f"{name} {version}" for name, version in own.items() if version and version != libraries[name])
    return f"- `python -m {part['recipe']}`, {took}: {plan}.{note}" + (f" Then {other}." if other else "")


def _estimate(score: dict[str, float]) -> str:
    if not score["count"]:
        return "none"
    return f"{score['value']:.3f} ({score['low']:.3f} - {score['high']:.3f})"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embedded", type=Path, default=EMBEDDED_FOLDER)
    folder = parser.parse_args().embedded
    cards = [json.loads((folder / name / "card.json").read_bytes()) for name in ABOUT]
    (folder / "README.md").write_text(page(cards))


if __name__ == "__main__":
    main()
