"""Does a task with few labels gain from the loop's model? `fld loop` with a paid describer on a part of the pictures.

    python -m tests.experiments.sparse --work build/sparse

After sections 4.2 and 4.3 of the Florence-2 paper. Pictures of a seed that no checkpoint has seen; all come with
careless brief texts and boxes (`fld scenes --noisy`). A describer behind an endpoint writes detailed texts about one
in twenty: a local server that speaks the protocol, knows every picture by its bytes and answers with the gold text,
and misbehaves as real ones do (every few requests a 500, a refusal, half an answer). `fld loop` leaves detailed texts
out, trains a model on brief texts and boxes, fine-tunes it on the few, and lets it write them about all. Beside it the
same fine-tuning from an untrained model. Both are judged by the texts that the describer would have written about
pictures that it has not seen.

    --start untrained                the loop begins with a model that knows nothing: its few steps teach it words
    --start embedded:florence2-nano  with one that sees. It has read detailed texts, so the describer must write what it
                                     has not read: --texts order, "From left to right there are a red fish and a dog."

Left in WORK, per seed: corpus/, untrained/, what the endpoint was asked; sparse.md. What is there is not made again.
"""

import argparse
import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

import engine
from engine.corpus.session import look
from engine.report.eval_report import changed
from engine.report.quality import RESAMPLES, measure
from engine.runtime.refilter import loaded_parser
from filters.parser import ParserSettings
from shards.reader import Corpus
from shards.record import Record, Source, Text, read_record_lines
from shards.store import open_store
from specialists.florence2 import Florence2Captioner, Florence2CaptionerSettings
from specialists.openai_describer import data_url
from stages.annotate.subset import SubsetSettings, read_subset
from stages.evaluate.bootstrap import Estimate
from stages.evaluate.elements import element_quality
from stages.ingest.decode import decode_image
from stages.ingest.settings import DecodeLimits
from stages.retrain.job import RetrainJob, model_path
from stages.retrain.run import retrain
from tests.experiments.running import fld, table
from tests.specialists.chat_server import ChatServer, Reply, chat_server

SEED = 43_000
ROUNDS = 2
FINE_RATE = 0.0006
PORT = 43_017
"""Always the same: an endpoint elsewhere is another annotator, whose texts would be paid for anew."""
SIDE = 256
"""Longer side of the picture that is sent: scenes as they are."""
UNTRAINED = "untrained"
LOOP, NOTHING = "from the loop's model", "from nothing"
NAMED = 6
"""Objects that a text of the order names at most: the largest."""
SHOWN = {
    "captions/detailed/exact": "exact", "captions/detailed/cider": "CIDEr-D", "captions/detailed/bleu": "BLEU-4",
    "captions/detailed/objects_f1": "objects named, F1", "captions/detailed/attributes_f1": "attributes named, F1",
}  # fmt: skip
CONFIG = """engine: {{backend: local}}
annotators:
  objects: {{role: detector, specialist: {{backend: ultralytics, weights: "embedded:yolo-nano"}}}}
  long:
    role: describer
    needs: []
    granularities: [detailed]
    subset: {{share: {share}, seed: 1}}
    specialist:
      backend: openai
      base_url: "{url}"
      model: gold
      api_key_env: null
      send_image: true
      image_side: {side}
      max_retries: 3
      max_requests: 2000
      prompt_price: 0.5
      answer_price: 1.5
loop:
  start: "{start}"
  learners: [generalist]
  retrain: {{tasks: ["<CAPTION>", "<OD>"], steps: {steps}, learning_rate: {rate}}}
  generalist: {{tasks: ["<CAPTION>", "<OD>"]}}
  gate: {{watched: [boxes, texts/brief], tolerance: 1.0, floor: 0.0}}
  sparse: {{steps: {fine_steps}, learning_rate: {fine_rate}}}
"""


def main() -> None:
    """Command line of the experiment."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--scenes", type=int, default=800)
    parser.add_argument("--share", type=float, default=0.05, help="of the pictures that the describer sees")
    parser.add_argument("--steps", type=int, default=800, help="of each training of the loop, without detailed texts")
    parser.add_argument("--fine-steps", type=int, default=120)
    parser.add_argument("--judged", type=int, default=240, help="pictures that both models write texts for")
    parser.add_argument("--start", default=UNTRAINED, help="of the loop: untrained, or a checkpoint")
    parser.add_argument("--rate", type=float, default=0.0006, help="of the loop's trainings")
    parser.add_argument("--texts", choices=["detailed", "order"], default="detailed", help="what the describer writes")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    found = {seed: _Run(arguments, seed).measured() for seed in arguments.seeds}
    (arguments.work / "sparse.md").write_text("\n".join(report(seed, each) for seed, each in found.items()))


class _Run:
    """One seed: of the scenes, of the untrained weights and of the trainings."""

    def __init__(self, arguments: argparse.Namespace, seed: int) -> None:
        self._arguments, self._seed = arguments, seed
        self._work = arguments.work / f"seed-{seed}"
        self._scenes, self._corpus = self._work / "scenes", self._work / "corpus"

    def measured(self) -> dict[str, dict[str, Estimate]]:
        """Of the texts of all models."""
        with endpoint(self._scenes, self._drawn()) as server:
            self._loop(server)
            (self._work / "requests.txt").write_text(f"{len(server.requests)} requests in this run\n")
        gold = self._judges()
        folders = {
            LOOP: Path(open_store(str(self._corpus)).url) / model_path(ROUNDS - 1, "model-long-learned"),
            NOTHING: self._fine_tuned(str(self._work / UNTRAINED), "model-scratch"),
        }
        if self._arguments.start != UNTRAINED:
            folders["from the loop's start"] = self._fine_tuned(self._arguments.start, "model-start")
        return {name: self._quality(self._texts(folder, gold), gold) for name, folder in folders.items()}

    def _quality(self, said: list[Record], gold: list[Record]) -> dict[str, Estimate]:
        """Of texts as they were said; no filter is asked."""
        parser = loaded_parser(ParserSettings())
        named = element_quality([*zip(said, gold, strict=True)], RESAMPLES, parser.elements)
        return measure(said, gold, ["captions"]) | {f"captions/{name}": each for name, each in named.items()}

    def _drawn(self) -> list[Record]:
        if not self._scenes.exists():
            fld("scenes", self._scenes, "--count", self._arguments.scenes, "--seed", SEED + self._seed, "--noisy")
        records = read_record_lines(self._scenes / "gold.jsonl")
        return [in_order(record) for record in records] if self._arguments.texts == "order" else records

    def _loop(self, server: ChatServer) -> None:
        of, untrained = self._arguments, self._work / "untrained"
        settings = {
            "share": of.share, "url": server.url, "side": SIDE, "steps": of.steps, "rate": of.rate,
            "start": untrained.resolve() if of.start == UNTRAINED else of.start,
            "fine_steps": of.fine_steps, "fine_rate": FINE_RATE,
        }  # fmt: skip
        (self._work / "config.yaml").write_text(CONFIG.format(**settings))
        noisy, config = str(self._scenes / "noisy.jsonl"), str(self._work / "config.yaml")
        engine.run([noisy], str(self._corpus), config, {"engine.failure_budget": 1.0}, tell=print)
        if not untrained.exists():
            fld("init", untrained, "--size", "nano", "--corpus", self._corpus, "--seed", self._seed + 1)
        engine.loop(str(self._corpus), ROUNDS, settings={"loop.retrain.seed": self._seed + 1}, tell=print)

    def _fine_tuned(self, start: str, name: str) -> Path:
        """The fine-tuning that the loop did last, from somewhere else."""
        of = look(str(self._corpus)).config.loop
        how = of.retrain.model_copy(
            update={"tasks": ["<DETAILED_CAPTION>"], "steps": of.sparse.steps, "learning_rate": FINE_RATE}
        )
        return Path(retrain(RetrainJob(str(self._corpus), ROUNDS - 1, start, how, name=name, again=True)).folder)

    def _judges(self) -> list[Record]:
        """Gold of the first pictures that the describer does not see."""
        subset = read_subset(SubsetSettings(share=self._arguments.share, seed=1))
        rows = [row for _, row in Corpus(open_store(str(self._corpus))).image_rows() if row.status == "ok"]
        unseen = {row.key for row in rows if subset is None or not subset.has(row)}
        return [record for record in self._drawn() if record.key in unseen][: self._arguments.judged]

    def _texts(self, folder: Path, gold: list[Record]) -> list[Record]:
        captioner = Florence2Captioner(Florence2CaptionerSettings(weights=str(folder), max_new_tokens=128))
        captioner.load()
        pictures = [decode_image(picture_of(self._scenes, record), DecodeLimits()) for record in gold]
        said = captioner.caption(pictures, "detailed")
        captioner.close()
        source = Source("model", "", 0, None, "")
        return [
            Record(r.key, r.uri, r.sha256, r.width, r.height, 0, [Text("t0", "detailed", each.text, source)], [])
            for r, each in zip(gold, said, strict=True)
        ]


def in_order(record: Record) -> Record:
    """With a detailed text that names its largest objects from left to right."""
    things = [region for region in record.regions if region.kind == "object"]
    things.sort(key=lambda region: (region.box[0] - region.box[2]) * (region.box[3] - region.box[1]))
    named = sorted(things[:NAMED], key=lambda region: region.box[0] + region.box[2])
    *others, last = [region.candidates[-1].text for region in named] or ["no things"]
    listed = f"{', '.join(others)} and {last}" if others else last
    text = Text("t0", "detailed", f"From left to right there are {listed}.", Source("gold", "", 0, None, ""))
    return replace(record, texts=[each for each in record.texts if each.granularity != "detailed"] + [text])


def picture_of(scenes: Path, record: Record) -> bytes:
    """The file of a scene."""
    return (scenes / record.uri).read_bytes()


@contextmanager
def endpoint(scenes: Path, gold: list[Record]) -> Iterator[ChatServer]:
    """A server that describes each picture as its gold does, and misbehaves now and then."""
    known = {}
    for record in gold:
        url = data_url(decode_image(picture_of(scenes, record), DecodeLimits()), SIDE)
        known[_digest(url)] = next(text.text for text in record.texts if text.granularity == "detailed")
    with chat_server(PORT) as server:
        yield _Moody(server, known).server


class _Moody:
    """What comes back: of nine requests one 500, one refusal, one body that is no JSON; else the gold text."""

    def __init__(self, server: ChatServer, known: Mapping[str, str]) -> None:
        self.server, self._known = server, known
        server.answers = self._reply

    def _reply(self, request: dict[str, Any]) -> Reply:
        number = len(self.server.requests)
        if number % 9 == 3:
            return Reply("overloaded", status=500)
        if number % 9 == 5:
            return Reply(b"half an ans")
        if number % 9 == 7:
            return Reply("", refusal="I cannot look at this picture.")
        parts = request["messages"][-1]["content"]
        picture = next(part["image_url"]["url"] for part in parts if part["type"] == "image_url")
        return Reply(self._known[_digest(picture)])


def _digest(url: str) -> str:
    return hashlib.sha256(base64.b64decode(url.partition(",")[2])).hexdigest()


def report(seed: int, found: dict[str, dict[str, Estimate]]) -> str:
    """All columns and what the loop's model gains, of one seed."""
    gain = {f"gain on {name}": changed(found[name], found[LOOP]) for name in found if name != LOOP}
    numbers = {name: {key: [each.value, each.low, each.high] for key, each in of.items()} for name, of in found.items()}
    return f"Seed {seed}\n\n{table(found, SHOWN)}\n{table(gain, SHOWN, signed=True)}\n<!-- {json.dumps(numbers)} -->\n"


if __name__ == "__main__":
    main()
