from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from shards import commit
from shards.completeness import PLAN
from shards.finding import Detection, Finding
from shards.store import LocalStore, Store
from stages.ingest.entry import Entry
from stages.ingest.listing import listed
from stages.ingest.plan import IngestPlan, PlanError, extend_plan, plan_difference, read_plan, refuse

BOX = Detection("dog", box=(1.0, 2.0, 3.0, 4.25), polygons=[[1.0, 2.0, 3.0, 2.0, 3.0, 4.0]])


def entry(name: str, given: list[Finding] | None = None) -> Entry:
    return Entry(uri=name, location=f"/data/{name}", name=name, given=given or [], given_wh=(4, 5) if given else None)


def extended(store: Store, *names: str, shard_size: int = 2, amended: Sequence[Entry] = ()) -> IngestPlan:
    plan = read_plan(store, shard_size)
    wanted = (msgspec.structs.replace(entry(f"{name}.jpg"), key=name) for name in names)
    return extend_plan(store, plan, listed(plan.scratch, wanted), amended)


def moved(key: str) -> Entry:
    return msgspec.structs.replace(entry(f"moved/{key}.jpg", [BOX]), key=key)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def keys(plan: IngestPlan) -> dict[str, list[str]]:
    return {shard: [image.key for image in images] for shard, images in plan.shards()}


def test_what_is_read_is_what_was_planned(store: LocalStore) -> None:
    planned = {
        "a": entry("a.jpg", [BOX]),
        "ü/b": Entry("t.tar/b", "/t.tar", "b", offset=512, size=7, given=[BOX], normalised=True),
        "c": Entry("p.parquet/c", "/p.parquet", "c", offset=3, cell="image.bytes", problem="row: row 4 is odd"),
    }
    wanted = [msgspec.structs.replace(image, key=key, name="") for key, image in planned.items()]
    plan = read_plan(store, 10)
    extend_plan(store, plan, listed(plan.scratch, wanted))
    assert [*read_plan(store, 10).shards()] == [("000000", wanted)]


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


def test_amended_rows_replace_the_planned_ones_in_their_place(store: LocalStore) -> None:
    extended(store, "a", "b", "c")
    plan = extended(store, "d", amended=[moved("b")])
    assert keys(plan) == {"000000": ["a", "b"], "000001": ["c"], "000002": ["d"]}
    image = read_plan(store, 2).find("b")
    assert image is not None
    assert image.entry.location == "/data/moved/b.jpg"
    assert keys(extended(store, "e")) == {**keys(plan), "000003": ["e"]}


def test_a_part_lost_under_an_amendment_is_planned_again(store: LocalStore) -> None:
    extended(store, "a", "b")
    whole = keys(extended(store, amended=[moved("b")]))
    commit.retire(store, PLAN, "000000")
    again = extended(store, "a", "b")
    assert keys(again) == whole
    image = again.find("b")
    assert image is not None
    assert image.entry.location == "/data/moved/b.jpg"


def test_differences_are_told_in_words() -> None:
    assert plan_difference(entry("a"), entry("b")) == "was /data/a, now /data/b"
    assert plan_difference(entry("a"), entry("a", [BOX])) == "had 0 given annotations, now 1 (or others)"
    bad = msgspec.structs.replace(entry("a"), problem="row: odd")
    assert plan_difference(bad, entry("a")) == "was row: odd, now sound"
    secret = msgspec.structs.replace(entry("a"), location="https://u:p@a.org/x?sig=1")
    assert plan_difference(secret, msgspec.structs.replace(secret, location="https://a.org/x")) == ""


def test_refusals_list_the_first() -> None:
    refuse([], 0)
    with pytest.raises(PlanError, match=r"8 keys .*\n  a: was 1\n(.*\n)*  and 3 more\n"):
        refuse([f"{key}: was 1" for key in "abcde"], 8)


def test_a_plan_of_the_release_before_is_read(store: LocalStore) -> None:
    import pyarrow as pa

    from shards import table
    from stages.ingest.plan import SCHEMA

    extended(store, "a", "b")
    plan = read_plan(store, 2)
    path = f"{PLAN}/000000.parquet"
    new = table.decode(store.read(path), SCHEMA, path)
    old = new.drop_columns(["cell", "problem", "amends"])
    meta = {b"fld_table": b"plan", b"fld_version": b"1"}
    data = table.encode(pa.table(old.columns, schema=old.schema.with_metadata(meta)))
    commit.publish(store, PLAN, "000000", {"000000.parquet": data}, commit.ImageCounts(2, 2), "shard_size=2")
    assert [*read_plan(store, 2).shards()] == [*plan.shards()]


def test_a_lost_part_is_planned_again_in_its_place(store: LocalStore) -> None:
    extended(store, "a", "b", "c")
    whole = keys(extended(store, "d"))
    commit.retire(store, PLAN, "000000")
    with pytest.raises(PlanError, match="part 000000 of the plan is lost, and these sources do not make it again"):
        extended(store, "x", "d")
    assert keys(extended(store, "a", "b", "c", "d")) == whole
