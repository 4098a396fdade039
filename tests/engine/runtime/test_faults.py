import pytest

from engine.runtime.faults import Budget, Failure, FailureBudgetError, Quarantined, attempt, failure_of, one_line
from specialists.roles import ItemError, MissingRequirementError


class OutOfMemoryError(RuntimeError):
    """Named like torch's."""


@pytest.mark.parametrize(
    ("error", "kind", "line"),
    [
        (ValueError("no\n  boxes"), "error", "error: ValueError: no boxes"),
        (SystemExit(0), "error", "error: SystemExit: 0"),
        (ItemError(3, "cut off"), "item", "item: cut off"),
        (MemoryError(), "oom", "oom: MemoryError"),
        (OutOfMemoryError("Tried to allocate 2 GiB, 1 GiB free"), "oom", "oom: OutOfMemoryError"),
        (RuntimeError("CUDA error: out of memory"), "oom", "oom: RuntimeError"),
        (RuntimeError("bad shape"), "error", "error: RuntimeError: bad shape"),
        (MissingRequirementError("sam needs sam.pt"), "error", "sam needs sam.pt"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_what_is_kept_of_an_exception(error: BaseException, kind: str, line: str) -> None:
    failure = failure_of(error)
    assert (failure.kind, failure.error) == (kind, line)


def test_an_error_is_the_same_in_every_run() -> None:
    assert one_line("<Model at 0x7f00aa> in pid 99") == one_line("<Model at 0x7f11bb> in pid 7")
    assert len(one_line("x" * 5000)) == 300


def test_a_failure_carries_the_traceback_for_the_log() -> None:
    failure = attempt(lambda: 1 // 0)
    assert isinstance(failure, Failure)
    assert "test_faults.py" in failure.detail


def test_ctrl_c_is_not_data() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attempt(interrupted)


def budget(failures: int, succeeded: int, images: int = 1000, earlier: int = 0) -> Budget:
    lost = [Quarantined("detector", "000000", f"k{number}", "error: E: x") for number in range(failures)]
    return Budget("detector", images, share=0.05, floor=5, succeeded=succeeded, earlier=earlier, failures=lost)


@pytest.mark.parametrize(("failures", "images"), [(50, 1000), (5, 10)], ids=["share", "floor"])
def test_the_budget_itself_is_still_allowed(failures: int, images: int) -> None:
    budget(failures, succeeded=1, images=images).check()


def test_over_the_budget_names_images_and_reasons() -> None:
    message = (
        r"annotator detector: 51 of 1000 images failed, over the budget of 5.0% \(and of 5\)\n"
        r"  51 x error: E: x\n  k0 \(shard 000000\): error: E: x\n(.*\n){9}  and 41 more\nFinished shards are kept"
    )
    with pytest.raises(FailureBudgetError, match=message):
        budget(51, succeeded=9).check()


def test_failures_of_earlier_runs_count() -> None:
    with pytest.raises(FailureBudgetError, match=r"(?s)51 of 1000 .*50 of them failed in earlier runs"):
        budget(1, succeeded=9, earlier=50).check()


def test_a_model_that_never_succeeds_stops_long_before_the_share() -> None:
    with pytest.raises(FailureBudgetError, match="6 of 1000 images failed, and not one succeeded"):
        budget(6, succeeded=0).check()


def test_a_small_corpus_of_which_nothing_succeeded_fails_at_the_end() -> None:
    small = budget(3, succeeded=0, images=3)
    small.check()
    with pytest.raises(FailureBudgetError, match="3 of 3 images failed, and not one succeeded"):
        small.check_end()
