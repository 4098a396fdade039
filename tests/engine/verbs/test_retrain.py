"""`fld retrain` as a user calls it, with a model that is trained in seconds."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from engine.cli import app
from engine.config.settings import EngineSettings
from engine.console.exit_codes import USAGE, report_error
from engine.runtime.train import train
from shards.store import open_store
from stages.retrain.data import RetrainError
from stages.retrain.job import RetrainJob, Training, read_training
from stages.retrain.metrics import Event
from stages.retrain.run import retrain
from tests.specialists.tiny_florence2 import save_tiny_florence2
from tests.stages.retrain import corpora

LOCAL = "engine.backend=local"


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_florence2(tmp_path_factory.mktemp("florence2"))


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    return corpora.build(tmp_path / "corpus")


def run(corpus: str, checkpoint: Path, *options: str, **changes: object) -> Result:
    """`fld retrain` with the settings of `corpora.settings`."""
    chosen = corpora.settings(**changes).model_dump(mode="json", exclude_unset=True)
    sets = [f"--set=loop.retrain.{name}={json.dumps(value)}" for name, value in chosen.items()]
    return CliRunner().invoke(app, ["retrain", corpus, "--from", str(checkpoint), *sets, *options])


def fld(corpus: str, checkpoint: Path, *options: str, **changes: object) -> int:
    """The exit code of `run`."""
    done = run(corpus, checkpoint, *options, **changes)
    return report_error(done.exception) if isinstance(done.exception, Exception) else done.exit_code


def trained(corpus: str) -> Training:
    training = read_training(open_store(corpus), 0)
    assert training is not None
    return training


def losses(corpus: str, name: str = "model") -> list[float]:
    lines = (Path(corpus) / "rounds/00" / name / "trainer/metrics.jsonl").read_text().splitlines()
    return [event["loss"] for event in map(json.loads, lines) if "loss" in event]


def test_a_round_is_trained_and_what_came_of_it_is_printed(corpus: str, checkpoint: Path) -> None:
    """As the defaults have it: in Ray Train's local mode, without a Ray."""
    done = run(corpus, checkpoint, generate_every=0)
    assert done.exit_code == 0
    assert trained(corpus).steps == 6
    loss, f1 = trained(corpus).held_out["<OD>"], trained(corpus).held_out_f1["boxes"]
    lines = [" ".join(line.split()) for line in done.output.splitlines()]
    assert f"<OD> {loss.before:.3f} {loss.after:.3f} {loss.tokens}" in lines
    assert f"boxes {f1.before:.3f} {f1.after:.3f}" in lines
    assert "rounds/00/model: trained in" in " ".join(done.output.split())
    again = run(corpus, checkpoint, generate_every=0)
    assert "was trained before, 6 steps on" in " ".join(again.output.split())


def test_another_training_needs_again(corpus: str, checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fld(corpus, checkpoint, "--set", LOCAL, steps=1) == 0
    assert fld(corpus, checkpoint, steps=2) == USAGE
    assert "other settings or another state of the round: use --again to replace it" in capsys.readouterr().err
    assert trained(corpus).steps == 1
    assert fld(corpus, checkpoint, "--again", steps=2) == 0
    assert trained(corpus).steps == 2
    assert not list((Path(corpus) / "rounds/00").glob("*.old"))


class Killed(BaseException):
    """Nobody catches it."""


def test_a_stopped_training_goes_on(corpus: str, checkpoint: Path, tmp_path: Path) -> None:
    def stop(event: Event) -> None:
        if event["step"] == 4:
            raise Killed

    whole = corpora.build(tmp_path / "whole")
    assert fld(whole, checkpoint, "--set", LOCAL, eval_every=2) == 0
    with pytest.raises(Killed):
        retrain(corpora.job(corpus, checkpoint, eval_every=2), stop)
    assert read_training(open_store(corpus), 0) is None
    assert fld(corpus, checkpoint, "--set", LOCAL, eval_every=2) == 0
    assert losses(corpus) == losses(whole)
    assert not (Path(corpus) / "rounds/00/training-model").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--from", "CHECKPOINT", "--round", "3"], "has no round 3: it has"),
        (["--from", "nowhere"], "no weights at 'nowhere': give a local path, or a hub id"),
        (["--from", "embedded:florence9"], "no embedded checkpoint 'florence9'; there are:"),
        (["--from", "EMPTY"], "must be a checkpoint with a config.json"),
        (["--from", "CHECKPOINT", "--set", "loop.retrain.stepps=3"], "loop.retrain.stepps"),
        (["--from", "CHECKPOINT", "--set", "loop.retrain.steps=0"], "loop.retrain.steps"),
        (["--from", "CHECKPOINT", "--set", "loop.retrain.epochs=1", "--set", "loop.retrain.steps=2"], "exclude"),
        (["--from", "CHECKPOINT", "--set", "loop.retrain.image_size=1024"], "image_size 1024 gives 128 x 128 cells"),
        (["--from", "CHECKPOINT", "--set", "loop.retrain.tasks=[<OCR>]"], "a lesson for the tasks <OCR>"),
        ([], "Missing option '--from'"),
    ],
)  # fmt: skip
def test_a_wrong_command_is_one_sentence_and_exit_code_2(
    corpus: str, checkpoint: Path, tmp_path: Path, options: list[str], said: str
) -> None:
    (tmp_path / "empty").mkdir()
    places = {"CHECKPOINT": str(checkpoint), "EMPTY": str(tmp_path / "empty")}
    arguments = ["retrain", corpus, "--set", LOCAL, *(places.get(option, option) for option in options)]
    done = CliRunner().invoke(app, arguments)
    if isinstance(done.exception, SystemExit):
        assert (done.exit_code, said in done.output) == (USAGE, True)
    else:
        assert isinstance(done.exception, Exception)
        assert (report_error(done.exception), said in str(done.exception)) == (USAGE, True)
    assert read_training(open_store(corpus), 0) is None


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("ray_here")
def test_workers_of_ray_train_give_the_losses_of_this_process(corpus: str, checkpoint: Path) -> None:
    """One worker, and two that find each other over gloo, each with half of every batch."""
    here = RetrainJob(corpus, 0, str(checkpoint), corpora.settings(batch=4), name="here")
    train(here, EngineSettings(backend="local"))
    for workers in (1, 2):
        name, settings = f"workers{workers}", corpora.settings(batch=4 // workers, workers=workers)
        result = train(RetrainJob(corpus, 0, str(checkpoint), settings, name=name), EngineSettings())
        assert result.training.processes == workers
        assert losses(corpus, name) == pytest.approx(losses(corpus, "here"), rel=1e-5)


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("ray_here")
def test_what_stops_a_worker_is_said_as_if_it_were_here(corpus: str, checkpoint: Path) -> None:
    settings = corpora.settings(workers=1, tasks=["<OCR>"])
    with pytest.raises(RetrainError, match="a lesson for the tasks <OCR>"):
        train(RetrainJob(corpus, 0, str(checkpoint), settings), EngineSettings())
