"""Training goes on in the corpus of a stranger: what lies there as the state of a run must not run code."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from accelerate import DistributedType

from specialists.roles import SpecialistError
from stages.retrain.checkpoint import Keeper
from stages.retrain.data import RetrainError
from stages.retrain.metrics import Event
from stages.retrain.presets import Recipe
from stages.retrain.run import retrain
from stages.retrain.student import train_student
from tests.stages.retrain import corpora
from tests.stages.retrain.test_student import job

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")


class Evil:
    """Whoever unpickles it makes a folder."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.mark),)


class PulledPlugError(Exception):
    """The run ends here."""


def stop(step: int) -> Callable[[Event], None]:
    def watch(event: Event) -> None:
        if event["step"] == step:
            raise PulledPlugError

    return watch


@pytest.mark.parametrize("written", ["torch", "plain"])
def test_the_state_of_a_stranger_s_training_runs_no_code(
    corpus: str, checkpoint: Path, tmp_path: Path, written: str
) -> None:
    with pytest.raises(PulledPlugError):
        retrain(corpora.job(corpus, checkpoint, eval_every=4), stop(4))
    states = Path(corpus) / "rounds/00/training-model/trainer/step-000003/state"
    files = sorted(file for file in states.iterdir() if file.suffix != ".safetensors")
    assert len(files) >= 5
    for number, file in enumerate(files):
        good, mark = file.read_bytes(), tmp_path / f"mark{number}"
        if written == "torch":
            torch.save({"step": 3, "smoothed": Evil(mark)}, file)
        else:
            file.write_bytes(pickle.dumps(Evil(mark)))
        with pytest.raises(RetrainError, match=rf"cannot load .*step-000003: {file.name} .*delete .*to start over"):
            retrain(corpora.job(corpus, checkpoint, eval_every=4))
        assert not mark.exists(), file.name
        file.write_bytes(good)
    assert retrain(corpora.job(corpus, checkpoint, eval_every=4)).resumed_from == 3


def test_the_state_of_a_stranger_s_student_runs_no_code(corpus: str, tmp_path: Path) -> None:
    with pytest.raises(PulledPlugError):
        train_student(job(corpus, steps=9), stop(6))
    state = Path(corpus) / "rounds/00/training-model-student/trainer/checkpoint.pt"
    good, mark = state.read_bytes(), tmp_path / "mark"
    torch.save({"epoch": 0, "ema": Evil(mark)}, state)
    with pytest.raises(RetrainError, match=r"cannot go on from .*checkpoint\.pt.*delete .*to start over"):
        train_student(job(corpus, steps=9))
    assert not mark.exists()
    state.write_bytes(good)
    assert train_student(job(corpus, steps=9)).resumed_from == 3


def test_what_a_student_s_state_names_runs_no_code_either(corpus: str, tmp_path: Path) -> None:
    """The arguments of a run are in its state: they can name a second file, which the library opens."""
    with pytest.raises(PulledPlugError):
        train_student(job(corpus, steps=9), stop(6))
    state = Path(corpus) / "rounds/00/training-model-student/trainer/checkpoint.pt"
    read = torch.load(state, weights_only=False)
    mark, second = tmp_path / "mark", tmp_path / "second.pt"
    torch.save({"epoch": 0, "model": Evil(mark)}, second)
    read["train_args"]["distill_model"] = str(second)
    torch.save(read, state)
    with pytest.raises((RetrainError, SpecialistError)):
        train_student(job(corpus, steps=9))
    assert not mark.exists()


def test_the_layers_of_a_stranger_s_student_run_no_code(corpus: str, tmp_path: Path) -> None:
    """The library makes a new model from the description in a checkpoint, and evaluates parts of it."""
    from specialists.weights import locate

    start, mark = tmp_path / "start.pt", tmp_path / "mark"
    read = torch.load(next(locate("test", "embedded:yolo-nano", None).rglob("*.pt")), weights_only=False)
    model = read.get("ema") or read["model"]
    model.yaml["activation"] = f"__import__('os').mkdir({str(mark)!r}) or torch.nn.SiLU()"
    torch.save(read, start)
    with pytest.raises(RetrainError, match="activation"):
        train_student(job(corpus, str(start)))
    assert not mark.exists()


class Sharded:
    """An accelerator that spreads weights, as far as restoring needs one."""

    is_main_process = True

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.distributed_type = DistributedType.FSDP

    def load_state(self, folder: str) -> None:
        self.loaded.append(folder)


def test_what_spread_weights_were_written_as_is_read_only_if_it_is_yours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accelerator = Sharded()
    (tmp_path / "trainer/step-000007/state").mkdir(parents=True)
    keeper = Keeper(accelerator, tmp_path / "trainer", tmp_path, object.__new__(Recipe))
    with pytest.raises(RetrainError, match=r"what FSDP writes can run code; if it is yours, set FLD_TRUST_STATE=1"):
        keeper.restore()
    assert accelerator.loaded == []
    monkeypatch.setenv("FLD_TRUST_STATE", "1")
    assert keeper.restore() == 7
    assert accelerator.loaded == [str(tmp_path / "trainer/step-000007/state")]
