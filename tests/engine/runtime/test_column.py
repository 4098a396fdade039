import pytest

from engine.runtime.column import ColumnError, ordered, pools, with_gpu_shares
from stages.annotate.resources import Resources
from tests.engine.fakes import column


def test_needed_columns_come_first_and_others_keep_their_order() -> None:
    columns = [column("masks", needs=["boxes"]), column("words"), column("boxes"), column("texts", needs=["given"])]
    names = [one.name for one in ordered(columns)]
    assert sorted(names) == ["boxes", "masks", "texts", "words"]
    assert names.index("boxes") < names.index("masks")


def test_a_need_that_is_not_configured_is_named() -> None:
    with pytest.raises(ColumnError, match=r"annotator masks needs 'boxes', which is not configured: there is masks"):
        ordered([column("masks", needs=["boxes"])])


def test_a_circle_is_drawn() -> None:
    with pytest.raises(ColumnError, match=r"in a circle: (a -> b -> a|b -> a -> b)"):
        ordered([column("a", needs=["b"]), column("b", needs=["a"])])


@pytest.mark.parametrize("names", [["a", "a"], ["given"]])
def test_names_are_unique_and_not_reserved(names: list[str]) -> None:
    with pytest.raises(ColumnError, match="annotator names must be unique and not 'given'"):
        ordered([column(name) for name in names])


def test_a_group_shares_one_pool_and_adds_up_memory_but_not_cpus() -> None:
    first = Resources(group="g", num_cpus=2, num_gpus=0.4, memory_mb=100, max_actors=3)
    second = Resources(group="g", num_cpus=1, num_gpus=0.4, memory_mb=50)
    [shared, alone] = pools(
        [column("a", resources=first), column("b"), column("c", resources=second)],
    )
    assert [one.name for one in shared.columns] == ["a", "c"]
    assert (alone.name, shared.resources.num_cpus, shared.resources.memory_mb) == ("b", 2, 150)
    assert shared.resources.num_gpus == pytest.approx(0.8)
    assert shared.resources.max_actors == 3


def test_two_whole_gpus_in_one_group_are_one_gpu() -> None:
    gpu = Resources(group="g", num_gpus=1)
    [shared] = pools([column("a", resources=gpu), column("b", resources=gpu)])
    assert shared.resources.num_gpus == 1


def test_one_process_has_one_runtime_env() -> None:
    with pytest.raises(ColumnError, match="b of group g has another runtime_env than a"):
        pools(
            [
                column("a", resources=Resources(group="g")),
                column("b", resources=Resources(group="g", runtime_env={"pip": ["x"]})),
            ]
        )


@pytest.mark.parametrize(("gpus", "shares"), [(0.0, 0.0), (1.0, 0.25), (3.0, 1.0), (80.0, 1.0)])
def test_gpus_are_shared_by_those_that_ask_for_a_share(gpus: float, shares: float) -> None:
    sharing, owning = Resources(share_gpus=True), Resources(num_gpus=0.5)
    columns = [
        column("a", resources=sharing),
        column("b", resources=owning),
        column("c"),
        column("d", resources=sharing),
    ]
    found = {pool.name: pool.resources.num_gpus for pool in with_gpu_shares(pools(columns), gpus)}
    assert found == {"a": shares, "b": 0.5, "c": 0.0, "d": shares}


def test_a_share_and_a_number_of_gpus_exclude_each_other() -> None:
    with pytest.raises(ValueError, match=r"num_gpus must be 0 where share_gpus is true, got 0\.5"):
        Resources(share_gpus=True, num_gpus=0.5)
