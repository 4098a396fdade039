from pathlib import Path

import msgspec
import pytest

from shards import commit
from shards.finding import Finding
from shards.store import LocalStore, Store
from stages.ingest.entry import Entry
from stages.ingest.plan import PLAN, Plan, PlanError, extend_plan, read_plan

BOX = Finding(kind="object", text="dog", box=(1.0, 2.0, 3.0, 4.25), polygons=[[1.0, 2.0, 3.0, 2.0, 3.0, 4.0]])


def entry(name: str, given: list[Finding] | None = None) -> Entry:
    return Entry(uri=name, location=f"/data/{name}", name=name, given=given or [], given_wh=(4, 5) if given else None)


def wanted(*names: str) -> dict[str, Entry]:
    return {name: entry(f"{name}.jpg") for name in names}


def extended(store: Store, *names: str, shard_size: int = 2) -> Plan:
    return extend_plan(store, read_plan(store, shard_size), wanted(*names))


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def keys(plan: Plan) -> dict[str, list[str]]:
    return {shard: [image.key for image in images] for shard, images in plan.shards().items()}


def test_what_is_read_is_what_was_planned(store: LocalStore) -> None:
    planned = {
        "a": entry("a.jpg", [BOX]),
        "ü/b": Entry("t.tar/b", "/t.tar", "b", offset=512, size=7, given=[BOX], normalised=True),
    }
    extend_plan(store, read_plan(store, 10), planned)
    found = read_plan(store, 10).entries()
    assert found == {key: msgspec.structs.replace(image, key=key, name="") for key, image in planned.items()}


def test_shards_are_cut_in_order_and_a_new_part_starts_a_new_shard(store: LocalStore) -> None:
    extended(store, "a", "b", "c")
    plan = extended(store, "c", "d", "a", "e", "f")
    assert keys(plan) == {"000000": ["a", "b"], "000001": ["c"], "000002": ["d", "e"], "000003": ["f"]}
    assert keys(read_plan(store, 2)) == keys(plan)


def test_the_same_sources_change_nothing(store: LocalStore) -> None:
    extended(store, "a", "b")
    before = store.walk()
    extended(store, "a", "b")
    assert store.walk() == before


def test_another_shard_size_is_refused(store: LocalStore) -> None:
    extended(store, "a")
    with pytest.raises(PlanError, match=r"ingest\.shard_size=3 contradicts .* planned with shard_size=2"):
        read_plan(store, 3)


def test_a_key_for_another_image_is_refused_with_a_diff(store: LocalStore) -> None:
    plan = extended(store, *"abcdefgh")
    moved = {key: entry(f"moved/{key}.jpg") for key in "abcdefgh"}
    with pytest.raises(
        PlanError, match=r"8 keys .*\n  a: was /data/a\.jpg, now /data/moved/a\.jpg\n(.*\n)*  and 3 more"
    ):
        extend_plan(store, plan, moved)


def test_other_given_annotations_are_refused(store: LocalStore) -> None:
    plan = extended(store, "a")
    with pytest.raises(PlanError, match=r"a: had 0 given annotations, now 1"):
        extend_plan(store, plan, {"a": entry("a.jpg", [BOX])})


def test_a_lost_part_is_planned_again_in_its_place(store: LocalStore) -> None:
    extended(store, "a", "b", "c")
    whole = keys(extended(store, "d"))
    commit.retire(store, PLAN, "000000")
    with pytest.raises(PlanError, match="part 000000 of the plan is lost, and these sources do not make it again"):
        extended(store, "x", "d")
    assert keys(extended(store, "a", "b", "c", "d")) == whole
