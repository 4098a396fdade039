"""A trained pipeline's meta.json in, its model card out (README.md beside it)."""

import json
from pathlib import Path
from typing import Any


def write_readme(pipeline: Path) -> None:
    """Writes README.md into the folder of a pipeline that `stages.recipes.parser` trained."""
    meta = json.loads((pipeline / "meta.json").read_text(encoding="utf-8"))
    rows = "\n".join(
        f"| {fold.replace('_', ', ', 1).replace('_', ' ')} | "
        + " | ".join(f"{scores[name]:.2f}" for name in _COLUMNS)
        + " |"
        for fold, scores in meta["performance"].items()
    )
    training = "\n".join(f"{place}. {_named(values)}" for place, values in enumerate(meta["training"], start=1))
    size = sum(path.stat().st_size for path in pipeline.rglob("*") if path.is_file() and path.name != "README.md")
    source = meta["sources"][0]
    (pipeline / "README.md").write_text(
        f"# {meta['lang']}_{meta['name']} {meta['version']}\n\n"
        f"{meta['description']}: {', '.join(meta['pipeline'])}. {size / 1e6:.1f} MB."
        " `spacy.load` reads this folder.\n\n"
        f"Scores on {source['name']}, in percent of all words, punctuation included; raw text, unless gold words and"
        " sentences are given. LAS ignores subtypes of relations, as the CoNLL 2018 shared task does.\n\n"
        f"| fold | {' | '.join(_COLUMNS.values())} |\n|---|{'---|' * len(_COLUMNS)}\n{rows}\n\n"
        f"Training, in two rounds:\n\n{training}\n\n"
        f"Trained on {source['name']} ({source['url']}) by {source['author']}, {source['license']}; these weights are"
        f" under {meta['license']} too.\n",
        encoding="utf-8",
    )


def _named(values: dict[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items())


_COLUMNS = {
    "upos": "UPOS",
    "uas": "UAS",
    "las": "LAS",
    "las_subtypes": "LAS with subtypes",
    "sentences": "sentences F1",
}
