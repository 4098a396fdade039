"""`fld loop`: train on a round, judge the model, let it write the next round, watch, and again.

    round 0    annotate, fuse, filter, write                                rounds/00/
    train      on round 0, from --from or the last promoted model           rounds/00/model/
    gate       against the model it was trained from, on held-out images    rounds/00/promotion.json
    round 1    the specialists' columns and that of the promoted model      raw/generalist-..., rounds/01/
    watch      is it still learning from pictures?                          rounds/01/report/watch.json
    ...

What is done is read from disk, so the same command goes on after a crash, and a higher --rounds adds rounds. Nothing
decides twice: a finished model, verdict or shard is used if it was made under the conditions that hold now, and made
again if it was not.
"""

from collections.abc import Callable
from pathlib import Path

from rich.table import Table

from engine.config.config_text import ConfigError
from engine.promotions import model_below, read_calibration, read_promotion, weights_of
from engine.session import Session, opened
from engine.terminal import err, out
from engine.verbs.gate import gate
from engine.verbs.rounds import annotate_round, write_round
from engine.verbs.watch import read_report, watch
from shards.commit import committed
from shards.errors import StoppedError
from shards.layout import IMAGES
from shards.store import Store
from stages.gate.decide import Promotion
from stages.retrain.job import RetrainJob, RetrainResult
from stages.watch.judge import Report, is_exhausted

Train = Callable[[RetrainJob], RetrainResult]


class RefusedError(StoppedError):
    """The gate refused a model and there is no promoted one to go on with."""

    exit_code = 6


class WatchError(StoppedError):
    """The watch found a sign beyond its limit: the loop hears itself."""

    exit_code = 7


def loop(
    corpus: str, count: int, start: str | None, gold: str | None, source: str | None, assignments: list[str]
) -> None:
    """`fld loop`: up to round `count`. Raises RefusedError, WatchError, and what training and annotating raise."""
    from engine.verbs.retrain import train

    if gold is not None and not Path(gold).is_file():
        raise ConfigError(f"--gold {gold} is no file: give a gold.jsonl or a COCO instances json")
    chosen = [f"loop.{name}={value}" for name, value in (("start", start), ("gold", gold)) if value is not None]
    with opened(corpus, source, [*assignments, *chosen]) as session:
        gold = session.config.loop.gold
        if gold is not None and not Path(gold).is_file():
            raise ConfigError(
                f"loop.gold: {gold} is no file any more: name another with --gold, or --set loop.gold=null to judge by"
                " round 0"
            )
        Loop(session, gold, lambda job: train(job, session.config.engine)).run(count)


class Loop:
    """The loop over an open corpus. train: what makes a model of a job (`stages.retrain.run`)."""

    def __init__(self, session: Session, gold: str | None, train: Train) -> None:
        self._session = session
        self._gold = gold
        self._train = train
        self._settings = session.config.loop

    def run(self, count: int) -> None:
        """Rounds 0 to `count`, as far as they are not done, then the table of all rounds (also after a stop)."""
        if not committed(self._session.store, IMAGES):
            raise ConfigError(f"{self._session.corpus} holds no image shards: `fld ingest IMAGES` fills it")
        try:
            self._write(0)
            for number in range(1, count + 1):
                if self._is_exhausted(number - 1):
                    return
                self._learn(number - 1)
                self._write(number)
        finally:
            out.print(rounds_table(self._session.store, count))

    def _write(self, number: int) -> None:
        err.print(f"[bold]round {number}[/]: annotate, fuse, filter, write")
        annotate_round(self._session, number)
        write_round(self._session, number)
        report = watch(self._session, number)
        for warning in report.warnings:
            err.print(f"watch: [yellow]{warning}[/]")
        if report.stops:
            raise WatchError(f"round {number} is written, but the loop only hears itself: {'; '.join(report.stops)}")
        err.print(f"watch: round {number}, {len(report.warnings)} warnings")

    def _learn(self, number: int) -> None:
        """Train on round `number` and judge the model."""
        checkpoint, revision = self._checkpoint(number)
        err.print(f"[bold]train[/] on round {number} from {checkpoint}")
        job = RetrainJob(self._session.corpus, number, checkpoint, self._settings.retrain, revision, again=True)
        result = self._train(job)
        err.print(f"train: {result.folder}{', was there already' if result.already else ''}")
        candidate = self._session.learned(weights_of(self._session.store, number))
        previous = self._session.learned(checkpoint, revision)
        promotion = gate(self._session, number, candidate, previous, self._gold)
        err.print(f"gate: {_verdict(promotion)} ({promotion.images} held-out images, against {promotion.reference})")
        if (found := read_calibration(self._session.store, number)) is not None:
            err.print(f"gate: {found.summary}")
        if promotion.promoted:
            return
        if model_below(self._session.store, number) is None:
            raise RefusedError(
                f"the model of round {number} is refused and there is no other to go on with: {promotion.reason}"
            )
        err.print(f"gate: round {number + 1} is written by the last promoted model")

    def _checkpoint(self, number: int) -> tuple[str, str | None]:
        """What training on a round starts from, and its revision: the last promoted model, at first `loop.start`."""
        if (model := model_below(self._session.store, number)) is not None:
            return weights_of(self._session.store, model), None
        if self._settings.start is None:
            raise ConfigError(
                "loop.start: training needs a checkpoint to start from: --from embedded:florence2-nano, a folder,"
                " or a hub id with loop.start_revision"
            )
        return self._settings.start, self._settings.start_revision

    def _is_exhausted(self, done: int) -> bool:
        """Whether the models of the rounds below `done` changed nothing any more."""
        promotions = [read_promotion(self._session.store, number) for number in range(done)]
        patience = self._settings.watch.patience
        if not is_exhausted([each for each in promotions if each is not None], patience):
            return False
        err.print(f"nothing improves: the last {patience} models changed no measure (loop.watch.patience). Done.")
        return True


def rounds_table(store: Store, count: int) -> Table:
    """One line per round that is written: its numbers, and the verdict on the model that was trained on it."""
    table = Table(box=None, pad_edge=False)
    for heading in ("round", "boxes/image", "label bits", "words", "as round 0", "alone", "model trained on it"):
        table.add_column(heading, justify="left" if heading.startswith("model") else "right")
    for number in range(count + 1):
        report, promotion = read_report(store, number), read_promotion(store, number)
        if report is not None:
            table.add_row(str(number), *_numbers(report), "" if promotion is None else _verdict(promotion))
    return table


def _numbers(report: Report) -> tuple[str, ...]:
    """Boxes per image, entropy of labels, vocabulary, agreement with round 0, share that only the model supports."""
    found = report.statistics
    agreement = "" if found.agreement_boxes is None else f"{found.agreement_boxes:.2f}"
    return (
        f"{found.boxes_per_image:.2f}",
        f"{found.label_entropy:.2f}",
        str(found.vocabulary),
        agreement,
        f"{found.unsupported_regions:.2f}",
    )


def _verdict(promotion: Promotion) -> str:
    return f"{'promoted' if promotion.promoted else 'refused'}: {promotion.reason}"
