"""Florence-2 nano on the real pictures of `student`: what it learns of them on one core, from nothing and from scenes.

    python -m tests.experiments.florence_student --data bccd --work build/florence --steps 600

The pictures and their split are `student`'s: three quarters are trained on, with spoilt labels or human gold, the rest
judges. florence2-nano answers <OD> at 192 px, with and without looking at the parts of every picture (`tiles`). Its
boxes carry the probabilities of their tokens as scores. Left in WORK: a corpus per kind of labels, a model per line of
the table, florence.json and florence.md. What is there is not made again.
"""

import argparse
import json
from pathlib import Path

import engine
from shards.record import Record
from specialists.florence2 import Florence2Detector, Florence2DetectorSettings
from specialists.roles import Detections, Image
from stages.annotate.tiles import TileSettings, found_in_parts
from stages.evaluate.bootstrap import Estimate
from tests.experiments.running import table
from tests.experiments.student import AP, SHOWN, ingest, judges, quality, records_of, said_of

LABELS = {"spoilt": "random", "gold": "gold"}
STARTS = ("nothing", "embedded:florence2-nano")


def main() -> None:
    """Command line of the experiment."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--labels", nargs="+", default=list(LABELS))
    parser.add_argument("--starts", nargs="+", default=list(STARTS))
    arguments = parser.parse_args()
    found = arguments.work / "florence.json"
    columns: dict[str, dict[str, list[float]]] = json.loads(found.read_text()) if found.exists() else {}
    for labels in arguments.labels:
        for start in arguments.starts:
            name = f"{labels} labels, from {start.removeprefix('embedded:')}"
            if name not in columns:
                model = trained(arguments, labels, start)
                columns |= {name: judged(arguments.data, model, None)}
                columns |= {f"{name}, tiles": judged(arguments.data, model, TileSettings())}
                found.write_text(json.dumps(columns))
            (arguments.work / "florence.md").write_text(report(columns))


def trained(arguments: argparse.Namespace, labels: str, start: str) -> Path:
    """The model of a corpus with these labels."""
    folder: Path = arguments.work / labels
    if not (folder / "corpus").exists():
        ingest(folder, arguments.data, LABELS[labels], {"loop.retrain.tasks": ["<OD>"]})
    corpus, fresh = folder / "corpus", folder / "untrained"
    if start == "nothing" and not fresh.exists():
        engine.init(fresh, "nano", tokenizer="embedded:florence2-nano")
    settings = {"loop.retrain.steps": arguments.steps, "loop.retrain.learning_rate": 0.0006, "loop.retrain.targets": 1}
    checkpoint = fresh if start == "nothing" else start
    result = engine.retrain(corpus, checkpoint, settings=settings, again=True, progress=True)
    kept: Path = folder / f"model-{start.replace(':', '-')}"
    Path(result.folder).rename(kept)
    return kept


def judged(data: Path, model: Path, tiles: TileSettings | None) -> dict[str, list[float]]:
    """AP on the pictures that judge."""
    detector = Florence2Detector(Florence2DetectorSettings(weights=str(model), max_new_tokens=512))
    detector.load()

    def detect(images: list[Image]) -> list[Detections]:
        return detector.detect(images)

    gold, pictures = judges(data)
    found = detect(pictures) if tiles is None else found_in_parts(detect, pictures, tiles)
    said: list[Record] = [said_of(image, each) for image, each in zip(gold, found, strict=True)]
    return quality(said, records_of(data, judged=True))


def report(columns: dict[str, dict[str, list[float]]]) -> str:
    """A column per model."""
    estimates = {
        name: {measure: Estimate(value, low, high, 1) for measure, (value, low, high) in found.items()}
        for name, found in columns.items()
    }
    return table(estimates, {**AP, **SHOWN})


if __name__ == "__main__":
    main()
