"""Does the loop make labels better? Three rounds from a noisy start, measured against exact gold.

    python -m tests.experiments.rounds --work build/rounds

Scenes of a seed that no checkpoint has seen, at dusk: darker, bluer, softer and noisier than all that the specialists
were trained on (`--light day`: as they know them). Half of them come with careless labels (`fld scenes --noisy`: boxes
left out, moved, misnamed; captions of other pictures), the other half with none. The specialists of the embedded
profile annotate all; then `fld loop` trains, judges and annotates again, three times. The gate reads the gold of the
held-out tenth of the pictures, on which nobody trains; all other gold is read at the end only.

Left in WORK: scenes/, corpus/, rounds.json and rounds.png (`fld eval --rounds`), rounds.md (the table of
docs/experiments.md). The same command goes on where it was stopped.
"""

import argparse
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import msgspec
import yaml

from engine.corpus.session import look
from engine.report.eval_report import changed
from engine.report.quality import measure, records
from filters.parser import Parser
from shards.reader import Corpus
from shards.record import Record, encode, read_record_lines
from shards.store import Store, open_store
from stages.evaluate.bootstrap import Estimate
from stages.evaluate.plans import raw_alone
from stages.held_out import is_held_out
from stages.round import RoundPlan, build_shard, read_shard
from tests.experiments.dusk import at_dusk
from tests.experiments.running import fld, half_given, table

SEED = 41_000
ROUNDS = 3
TASKS = '["<CAPTION>", "<OD>", "<CAPTION_TO_PHRASE_GROUNDING>"]'
SETTINGS = [
    "engine.backend=local",
    "fuse.given=filter",
    "fuse.likelihood_ratio=0.9",
    f"loop.retrain.tasks={TASKS}",
    f"loop.generalist.tasks={TASKS}",
    'loop.gate.watched=["boxes", "texts/brief", "phrases"]',
    f"loop.watch.patience={ROUNDS + 1}",
    "loop.retrain.learning_rate=0.0002",
]
"""Given labels may lose; a specialist's text gives way to the model's wherever they differ; the model is trained on
brief texts, objects and phrases; all rounds are run."""
STUDENT = [
    "loop.learners=[generalist, student]",
    "loop.student.start=embedded:yolo-nano",
    "loop.student.steps=300",
    "loop.student.learning_rate=0.001",
]
SPECIALISTS = {"boxes/f1": "objects", "captions/brief/cider": "captions"}
"""Measure -> the specialist that nobody else of the profile beats at it: the only detector, the only captioner."""
SHOWN = {
    "boxes/precision": "objects: precision", "boxes/recall": "objects: recall", "boxes/f1": "objects: F1",
    "boxes/map50": "objects: AP at IoU 0.5", "regions/accuracy": "region texts: accuracy",
    "texts/recall": "brief texts: exact", "captions/brief/cider": "brief texts: CIDEr-D",
    "phrases/precision": "phrases: precision", "phrases/coverage": "phrases: objects named",
    "masks/iou": "masks: mean IoU",
}  # fmt: skip
PROBABLE = 0.35
"""How probable a box must be once scores are probabilities; half of the F1 to be reached is best (docs/loop.md)."""
AREAS = ("boxes", "regions", "masks", "phrases", "captions")
Measures = Mapping[str, Estimate]


def main() -> None:
    """Command line of the experiment."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--scenes", type=int, default=600)
    parser.add_argument("--light", choices=("dusk", "day"), default="dusk")
    parser.add_argument("--steps", type=int, default=150, help="of each training")
    parser.add_argument("--tiles", action="store_true", help="the loop's model looks at parts of every scene, too")
    parser.add_argument("--student", action="store_true", help="yolo-nano learns beside it, and may write the objects")
    parser.add_argument("--calibrate", action="store_true", help="then once more, by the gold of the held-out pictures")
    arguments = parser.parse_args()
    work: Path = arguments.work
    scenes, corpus = work / "scenes", work / "corpus"
    if not scenes.exists():
        fld("scenes", scenes, "--count", arguments.scenes, "--seed", SEED, "--noisy")
    if not corpus.exists():
        half = half_given(scenes)
        fld("ingest", half if arguments.light == "day" else at_dusk(scenes, half), corpus)
    chosen = [*SETTINGS, f"loop.retrain.steps={arguments.steps}"]
    chosen += ["loop.generalist.tiles={grid: 2}"] if arguments.tiles else []
    chosen += STUDENT if arguments.student else []
    start, gold = "embedded:florence2-nano", scenes / "gold.jsonl"
    sets = [part for each in chosen for part in ("--set", each)]
    fld("loop", corpus, "--config", profile(work), "--rounds", ROUNDS, "--from", start, "--gold", gold, *sets)
    fld("eval", corpus, "--gold", gold, "--rounds", "--json", work / "rounds.json", "--figure", work / "rounds.png")
    (work / "rounds.md").write_text(report(corpus, read_record_lines(gold)))
    if arguments.calibrate:
        (work / "calibrated.md").write_text(calibrated(corpus, work, read_record_lines(gold)))


def profile(work: Path) -> Path:
    """The embedded profile without what the loop leaves alone: words, and long texts."""
    config = yaml.safe_load((files("engine") / "config" / "profiles" / "embedded.yaml").read_text())
    del config["annotators"]["words"]
    config["annotators"]["captions"]["granularities"] = ["brief"]
    path = work / "profile.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def report(corpus: Path, gold: Sequence[Record]) -> str:
    """All columns beside each other, then the last round over round 0 and over the best specialist, paired."""
    session = look(str(corpus))
    plan = session.plan(0)

    def measured(found: Sequence[Record]) -> Measures:
        return measure(found, gold, AREAS)

    columns = {"raw": measured(records(session.store, raw_alone(plan, [each.name for each in plan.annotators]), {}))}
    for number in Corpus(session.store).rounds():
        columns[f"round {number}"] = measured(kept(session.store, number))
    last = columns[f"round {ROUNDS}"]
    single = {
        name: measured(at_best(by_itself(session.store, raw_alone(plan, [name])), gold))
        for name in set(SPECIALISTS.values())
    }
    best = {name: single[annotator][name] for name, annotator in SPECIALISTS.items()}
    changes = {
        "round 3 - round 0": changed(dict(columns["round 0"]), dict(last)),
        "round 3 - raw": changed(dict(columns["raw"]), dict(last)),
        "round 3 - best specialist": changed(best, dict(last)),
    }
    return table(columns, SHOWN) + "\n" + table(changes, SHOWN, signed=True) + "\n" + table({"alone": best}, SHOWN)


def calibrated(corpus: Path, work: Path, gold: Sequence[Record]) -> str:
    """Every round written again, with what the gold of the held-out pictures says its annotators are worth."""
    store, few = open_store(str(corpus)), work / "few.jsonl"
    share = look(str(corpus)).config.loop.retrain.held_out
    held_out = {row.key for _, row in Corpus(store).image_rows() if is_held_out(row.sha256, share)}
    few.write_bytes(b"".join(encode(record) + b"\n" for record in gold if record.key in held_out))
    columns = {"round 0 as it was": measure(kept(store, 0), gold, ["boxes", "regions"])}
    for number in Corpus(store).rounds():
        fld("calibrate", corpus, "--gold", few, "--round", number)
        fld("filter", corpus, "--round", number, "--set", f"filters.region.min_score={PROBABLE}")
        columns[f"round {number}"] = measure(kept(store, number), gold, ["boxes", "regions"])
    first, last = columns["round 0"], columns[f"round {ROUNDS}"]
    changes = {
        "round 3 - round 0 as it was": changed(columns["round 0 as it was"], last),
        "round 3 - round 0": changed(first, last),
    }
    return table(columns, SHOWN) + "\n" + table(changes, SHOWN, signed=True)


def kept(store: Store, number: int) -> list[Record]:
    """The records of a round."""
    round_ = Corpus(store).round(number)
    return [record for shard in round_.shards() for record in round_.records(shard)]


def by_itself(store: Store, plan: RoundPlan) -> list[Record]:
    """The records of a plan without what came with the images."""
    parser = Parser(plan.filters.parser)
    parser.load()
    found = []
    for shard in Corpus(store).shards():
        rows, columns = read_shard(store, shard, plan)
        bare = [msgspec.structs.replace(row, given=[]) for row in rows]
        found += [each.record for each in build_shard(bare, columns, plan, {}, parser) if each.record is not None]
    return found


def at_best(said: list[Record], gold: Sequence[Record]) -> list[Record]:
    """A detector at the threshold that is best for it by gold: in its favour, no user could choose so well."""
    cut = [[thinned(record, step / 20) for record in said] for step in range(1, 16)]
    return max(cut, key=lambda some: measure(some, gold, ["boxes"], 1)["boxes/f1"].value)


def thinned(record: Record, threshold: float) -> Record:
    """Without the regions below a score."""
    return msgspec.structs.replace(record, regions=[region for region in record.regions if region.score >= threshold])


if __name__ == "__main__":
    main()
