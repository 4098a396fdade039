"""Does a task with few labels gain from the loop's model? Fine-tuned from it, against trained from nothing.

    python -m tests.experiments.sparse --work build/sparse

After section 4.4 of the Florence-2 paper (a task with few labels is left out of the first rounds, then fine-tuned).
Pictures of a seed that no checkpoint has seen; all come with careless brief texts and boxes (`fld scenes --noisy`), one
in twenty also with the gold detailed text. The loop trains an *untrained* model on brief texts and boxes only (the
embedded model has read detailed texts: it would be no test). Then the same training on the few detailed texts, once
from the loop's model and once from the untrained one, and both write detailed texts for
pictures that came without.

Left in WORK: corpus/, pretrained/ and scratch-STEPS/ (checkpoints), labels-*/ (what they wrote), sparse.md.
"""

import argparse
import json
import shutil
from pathlib import Path

from engine.report.eval_report import changed
from engine.report.quality import measure
from shards.reader import Corpus
from shards.record import Record, read_records
from shards.store import open_store
from stages.evaluate.bootstrap import Estimate
from tests.experiments.running import fld, table, written

SEED = 43_000
EVERY = 20
"""One picture of so many has a detailed text: 5%."""
DETAILED = 'loop.retrain.tasks=["<DETAILED_CAPTION>"]'
RATE = "loop.retrain.learning_rate=0.0006"
DETECTOR = """engine: {backend: local}
annotators:
  objects:
    role: detector
    specialist: {backend: ultralytics, weights: "embedded:yolo-nano"}
"""
WRITER = """engine: {backend: local}
annotators:
  details:
    role: captioner
    specialist: {backend: florence2, weights: "%s"}
    granularities: [detailed]
    resources: {batch_size: 32}
"""
SHOWN = {
    "captions/detailed/exact": "exact", "captions/detailed/cider": "CIDEr-D", "captions/detailed/bleu": "BLEU-4",
}  # fmt: skip


def main() -> None:
    """Command line of the experiment."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--scenes", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=1000, help="of the loop's training, without detailed texts")
    parser.add_argument("--fine-steps", type=int, nargs="+", default=[150, 450], help="of the trainings on them")
    parser.add_argument("--judged", type=int, default=300, help="pictures that both models write texts for")
    arguments = parser.parse_args()
    work, corpus = arguments.work, arguments.work / "corpus"
    _loop(work, corpus, arguments.scenes, arguments.steps)
    columns = {}
    for steps in arguments.fine_steps:
        for name, start in (
            ("from the loop's model", corpus / "rounds/00/model"),
            ("from nothing", work / "untrained"),
        ):
            columns[f"{name}, {steps} steps"] = _labels(work, corpus, start, steps, arguments.judged)
    keys = {record.key for said in columns.values() for record in said}
    gold = [record for record in read_records(work / "scenes/gold.jsonl") if record.key in keys]
    (work / "sparse.md").write_text(_report(columns, gold))


def _loop(work: Path, corpus: Path, count: int, steps: int) -> None:
    """Round 0, an untrained model that learns brief texts and boxes from it, round 1."""
    scenes = work / "scenes"
    if not scenes.exists():
        fld("scenes", scenes, "--count", count, "--seed", SEED, "--noisy")
    (work / "detector.yaml").write_text(DETECTOR)
    fld("run", _few_detailed(scenes), corpus, "--config", work / "detector.yaml")
    if not (work / "untrained").exists():
        fld("init", work / "untrained", "--size", "nano", "--corpus", corpus)
    tasks = '["<CAPTION>", "<OD>"]'
    watched = 'loop.gate.watched=["boxes", "texts/brief"]'
    chosen = [
        watched,
        f"loop.retrain.tasks={tasks}",
        f"loop.generalist.tasks={tasks}",
        f"loop.retrain.steps={steps}",
        RATE,
    ]
    sets = [part for each in chosen for part in ("--set", each)]
    fld("loop", corpus, "--rounds", 1, "--from", work / "untrained", *sets)


def _few_detailed(scenes: Path) -> Path:
    """The careless labels of all pictures, and for one in EVERY the gold detailed text."""
    lines = [json.loads(line) for line in (scenes / "noisy.jsonl").read_text().splitlines()]
    for line, record in list(zip(lines, read_records(scenes / "gold.jsonl"), strict=True))[::EVERY]:
        text = next(text.text for text in record.texts if text.granularity == "detailed")
        line["given"].append({"kind": "text", "text": text, "granularity": "detailed"})
    return written(scenes / "few.jsonl", lines)


def _others(scenes: Path, count: int) -> Path:
    """Pictures without a detailed text, and nothing given."""
    lines = [json.loads(line) for line in (scenes / "noisy.jsonl").read_text().splitlines()]
    bare = [{name: line[name] for name in ("uri", "key")} for i, line in enumerate(lines) if i % EVERY]
    return written(scenes / "others.jsonl", bare[:count])


def _labels(work: Path, corpus: Path, start: Path, steps: int, count: int) -> list[Record]:
    """Train on the few detailed texts from `start`, let the model annotate `count` of the other pictures."""
    name = f"{'pretrained' if start.parent.name == '00' else 'scratch'}-{steps}"
    model = work / name
    if not model.exists():
        sets = [part for each in (DETAILED, RATE, f"loop.retrain.steps={steps}") for part in ("--set", each)]
        fld("retrain", corpus, "--round", 1, "--from", start, "--again", *sets)
        shutil.copytree(corpus / "rounds/01/model", model)
    config = work / f"{name}.yaml"
    config.write_text(WRITER % model.resolve())
    labels = work / f"labels-{name}"
    fld("run", _others(work / "scenes", count), labels, "--config", config)
    round_ = Corpus(open_store(str(labels))).round(0)
    return [record for shard in round_.shards() for record in round_.records(shard)]


def _report(columns: dict[str, list[Record]], gold: list[Record]) -> str:
    found: dict[str, dict[str, Estimate]] = {name: measure(said, gold, ["captions"]) for name, said in columns.items()}
    pairs = list(found.items())
    gains = {
        f"gain, {name.split(', ')[1]}": changed(scratch, tuned)
        for (name, tuned), (_, scratch) in zip(pairs[::2], pairs[1::2], strict=True)
    }
    return table(found, SHOWN) + "\n" + table(gains, SHOWN, signed=True)


if __name__ == "__main__":
    main()
