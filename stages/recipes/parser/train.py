"""A treebank in, a trained spaCy pipeline out. Deterministic for a seed on one machine; one core, no GPU.

The pipeline is `pipeline.cfg`: hashed embeddings and a convolutional encoder shared by a part-of-speech tagger and
a transition-based dependency parser. Each epoch sees the treebank once, in runs of sentences (so that it learns where
sentences end), some of them lower-cased or without their full stop, and freshly generated captions. A first round reads
words as spaCy cuts them; a short second one goes on from its best epoch, reads words as the treebank cuts them, which
is how they are cut in use, and longer runs.
"""

import hashlib
import json
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from stages.recipes.parser.augment import augmented
from stages.recipes.parser.captions import captions
from stages.recipes.parser.card import write_readme
from stages.recipes.parser.evaluate import ParserScores, evaluate_gold_words, score_parser
from stages.recipes.parser.state import Finished, Reached, StateFile
from stages.recipes.parser.tokenizer import fit_tokenizer
from stages.recipes.parser.treebank import Sentence, example, groups, read_paragraphs

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.training import Example
    from thinc.api import Optimizer

log = logging.getLogger(__name__)

CONFIG = Path(__file__).with_name("pipeline.cfg")
_FOLDS = ("train", "dev", "test")
_Folds = dict[str, list[list[Sentence]]]


@dataclass(frozen=True)
class Schedule:
    """How long and how hard to train one round. captions: generated sentences per epoch; words: size of a batch, grown
    from the first to the second number; rate: Adam's peak, after `warmup` steps, then linearly down to zero;
    run_lengths: sentences that are read together, drawn per paragraph; moves: of the parser between two updates, about;
    fewer are faster."""

    epochs: int = 12
    seed: int = 0
    captions: int = 2500
    first_batch_words: int = 400
    batch_words: int = 1000
    rate: float = 0.0015
    warmup: int = 150
    dropout: float = 0.15
    run_lengths: tuple[int, ...] = (1, 1, 2, 3, 5)
    moves: int = 100


SECOND_ROUND = Schedule(epochs=3, first_batch_words=1000, rate=0.0007, warmup=40, run_lengths=(1, 2, 3, 5, 8), moves=50)


def train(
    treebank: Path, out: Path, first: Schedule, second: Schedule, state: Path | None = None
) -> dict[str, ParserScores]:
    """Writes the pipeline with the best LAS on the dev fold to `out`, a folder that `spacy.load` reads. Returns its
    scores on dev and test, and on the gold words of test. treebank: a folder with one *-ud-train.conllu,
    *-ud-dev.conllu and *-ud-test.conllu each. state: a file from which a training that was stopped goes on, as if
    it had not been; it is removed at the end. Raises ValueError for the state of another training.
    """
    files = {fold: _file_of(treebank, fold) for fold in _FOLDS}
    folds = {fold: read_paragraphs(path) for fold, path in files.items()}
    keeper = StateFile(state or out.with_name(f"{out.name}.npz"), _facts(files, (first, second)))
    progress = keeper.progress() or Reached([], 0)
    while len(progress.rounds) < 2:
        is_first = not progress.rounds
        progress = _train_round(
            _started(folds, first) if is_first else _reread(out, second),
            folds, out, first if is_first else second, progress, keeper,
        )  # fmt: skip
    scores = _finish(out, folds, (first, second), progress.rounds)
    keeper.remove()
    return scores


def _facts(files: dict[str, Path], schedules: Sequence[Schedule]) -> str:
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files.values()]
    return json.dumps([digests, *map(asdict, schedules)])


def _started(folds: _Folds, schedule: Schedule) -> "Language":
    """The pipeline of the first round, untrained."""
    from thinc.util import fix_random_seed

    fix_random_seed(schedule.seed)
    nlp = _untrained()
    nlp.initialize(lambda: [example(nlp, run) for run in _epoch(folds["train"], schedule, Random(schedule.seed))])
    return nlp


def _reread(out: Path, schedule: Schedule) -> "Language":
    """The pipeline of the second round, as the first one left it."""
    import spacy
    from thinc.util import fix_random_seed

    fix_random_seed(schedule.seed)
    nlp = spacy.load(out)
    fit_tokenizer(nlp)
    return nlp


def _train_round(
    nlp: "Language", folds: _Folds, out: Path, schedule: Schedule, before: Reached, keeper: StateFile
) -> Reached:
    """Train a round to its end, from its beginning or from the state that is kept. Saves its best epoch to `out`."""
    optimizer, steps = _optimizer(schedule), _total_steps(folds["train"], schedule)
    parser: Any = nlp.get_pipe("parser")
    parser.cfg["update_with_oracle_cut_size"] = schedule.moves
    if before.step:
        keeper.read(nlp, optimizer)
    done, started = before, time.process_time()
    first_epoch = before.rounds[-1].epochs if before.rounds else 0
    for epoch in range(before.epoch, first_epoch + schedule.epochs):
        step = _train_epoch(nlp, optimizer, folds, schedule, (epoch, done.step, steps))
        with nlp.use_params(optimizer.averages):
            scores = score_parser(nlp, folds["dev"])
            cpu_s = before.cpu_s + time.process_time() - started
            log.info("epoch %d, step %d of %d, %.0f s: dev %s", epoch, step, steps, cpu_s, scores)
            is_best = scores.las > done.best
            if is_best:
                _save(nlp, out)
        best, kept = (scores.las, epoch) if is_best else (done.best, done.kept)
        done = Reached(before.rounds, epoch + 1, step, best, kept, cpu_s)
        keeper.write(nlp, optimizer, done)
    finished = Finished(done.kept, done.step, round(done.cpu_s / 60, 1), first_epoch + schedule.epochs)
    done = Reached([*before.rounds, finished], done.epoch)
    keeper.write(nlp, optimizer, done)
    return done


def _train_epoch(
    nlp: "Language", optimizer: "Optimizer", folds: _Folds, schedule: Schedule, place: tuple[int, int, int]
) -> int:
    """Steps done after it. place: the epoch, steps done before it, steps of the whole round."""
    epoch, step, steps = place
    rng = Random(schedule.seed * 1000 + epoch)
    runs = list(_epoch(folds["train"], schedule, rng))
    rng.shuffle(runs)
    for batch in _batches(nlp, runs, schedule, step):
        step += 1
        optimizer.learn_rate = schedule.rate * min(step / schedule.warmup, max(0.0, 1 - step / steps))
        nlp.update(batch, drop=schedule.dropout, sgd=optimizer)
    return step


def _finish(
    out: Path, folds: _Folds, schedules: Sequence[Schedule], rounds: Sequence[Finished]
) -> dict[str, ParserScores]:
    """Scores the saved pipeline as a user loads it and writes what is known of it into its meta.json."""
    import spacy

    nlp = spacy.load(out)
    scores = {fold: score_parser(nlp, folds[fold]) for fold in ("dev", "test")}
    scores["test_gold_words"] = evaluate_gold_words(nlp, folds["test"])
    training = [
        {
            **asdict(schedule),
            "best_epoch": done.best_epoch,
            "steps": done.steps,
            "cpu_minutes": done.cpu_minutes,
        }
        for schedule, done in zip(schedules, rounds, strict=True)
    ]
    nlp.meta.update(_meta(scores, training))
    _save(nlp, out)
    write_readme(out)
    return scores


def _meta(scores: dict[str, ParserScores], training: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "lang": "en",
        "name": "fld_ewt",
        "version": "1.1.0",
        "description": "Small tagger and dependency parser for image texts",
        "author": "The fld-engine authors",
        "license": "CC BY-SA 4.0",
        "sources": [
            {
                "name": "UD English EWT",
                "url": "https://universaldependencies.org/treebanks/en_ewt/",
                "license": "CC BY-SA 4.0",
                "author": "Natalia Silveira, Timothy Dozat, Christopher Manning, Sebastian Schuster, Nathan Schneider"
                " and others",
            }
        ],
        "performance": {fold: asdict(score) for fold, score in scores.items()},
        "training": training,
    }


def _untrained() -> "Language":
    from spacy.util import load_model_from_config
    from thinc.api import Config

    return load_model_from_config(Config().from_disk(CONFIG), auto_fill=True)


def _optimizer(schedule: Schedule) -> "Optimizer":
    from thinc.api import Adam

    optimizer: Optimizer = Adam(
        learn_rate=schedule.rate, L2=0.01, L2_is_weight_decay=True, grad_clip=1.0, use_averages=True
    )
    return optimizer


def _epoch(paragraphs: Sequence[Sequence[Sentence]], schedule: Schedule, rng: Random) -> Iterator[list[Sentence]]:
    """All runs of sentences of one epoch, augmented, not yet shuffled."""
    for paragraph in paragraphs:
        for run in groups([paragraph], rng.choice(schedule.run_lengths)):
            yield augmented(run, rng)
    yield from groups([captions(rng, schedule.captions)], 2)


def _batches(
    nlp: "Language", runs: Sequence[list[Sentence]], schedule: Schedule, step: int
) -> Iterator[list["Example"]]:
    batch: list[list[Sentence]] = []
    words = 0
    for run in runs:
        batch.append(run)
        words += sum(len(sentence.words) for sentence in run)
        if words >= _batch_words(schedule, step):
            yield [example(nlp, one) for one in batch]
            batch, words, step = [], 0, step + 1
    if batch:
        yield [example(nlp, one) for one in batch]


def _batch_words(schedule: Schedule, step: int) -> float:
    return min(schedule.batch_words, schedule.first_batch_words * 1.001**step)


def _total_steps(paragraphs: Sequence[Sequence[Sentence]], schedule: Schedule) -> int:
    """Steps of the whole training, for the learning rate's way down to zero."""
    words = sum(len(sentence.words) for run in _epoch(paragraphs, schedule, Random(0)) for sentence in run)
    left, step = float(words * schedule.epochs), 0
    while left > 0:
        left -= _batch_words(schedule, step) + 12  # a batch is closed by the run that fills it
        step += 1
    return step


def _save(nlp: "Language", out: Path) -> None:
    """`nlp.to_disk` without the string store (rebuilt from the texts) and with weights rounded to half precision,
    which costs no accuracy (docs/parser.md) and halves the packed size."""
    import numpy as np

    for name in nlp.pipe_names:
        component: Any = nlp.get_pipe(name)
        for node in component.model.walk():
            for weight in node.param_names:
                if node.has_param(weight):
                    node.set_param(weight, node.get_param(weight).astype(np.float16).astype(np.float32))
    nlp.to_disk(out, exclude=["vocab"])


def _file_of(treebank: Path, fold: str) -> Path:
    found = sorted(treebank.glob(f"*-ud-{fold}.conllu"))
    if len(found) != 1:
        raise FileNotFoundError(
            f"{treebank} must hold exactly one *-ud-{fold}.conllu, found {len(found)}: give the folder of a UD release"
        )
    return found[0]
