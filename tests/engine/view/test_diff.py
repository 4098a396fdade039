import msgspec

from engine.view.diff import compare
from engine.view.layers import shapes
from engine.view.texts import pieces, written
from shards.record import Grounding, Region, Text
from tests.engine.view.corpora import BLUE, CAPTION, record, source

OLD = record("a", 2, 0)


def moved(region: Region, by: float) -> Region:
    x0, y0, x1, y1 = region.box
    return msgspec.structs.replace(region, box=(x0 + by, y0, x1 + by, y1))


def test_regions_are_same_moved_new_and_gone() -> None:
    first, second = OLD.regions
    far = msgspec.structs.replace(moved(second, -80), id="r9")
    now = msgspec.structs.replace(OLD, regions=[moved(first, 6), far])
    found = compare(OLD, now)
    assert [(change.kind, change.why) for change in found.regions] == [("moved", "IoU 0.74"), ("new", ""), ("gone", "")]
    assert compare(OLD, OLD).count("same") == 2


def test_of_two_at_one_place_the_same_name_is_the_partner() -> None:
    twin = msgspec.structs.replace(OLD.regions[1], candidates=record("a", 2, 1).regions[1].candidates)
    now = msgspec.structs.replace(OLD, regions=[*OLD.regions, twin])
    assert [change.kind for change in compare(OLD, now).regions] == ["same", "same", "new"]


def test_texts_differ_by_words() -> None:
    found = compare(OLD, record("a", 2, 1))
    assert [text.words for text in found.texts] == [
        [("same", "a red"), ("gone", "square"), ("new", "cube"), ("same", "beside a blue one")]
    ]
    assert (found.new_phrases, found.gone_phrases) == (["a red cube"], ["a red square"])


def test_two_texts_of_one_size_do_not_run_together() -> None:
    now = msgspec.structs.replace(OLD, texts=[*OLD.texts, Text("t1", "brief", "two squares", source("other"))])
    [text] = compare(OLD, now).texts
    assert text.words == [("same", CAPTION), ("new", "· two squares")]


def grounding(start: int, end: int) -> Grounding:
    return Grounding("t0", (start, end), "x", None, [])


def test_a_text_is_cut_where_phrases_begin_and_end() -> None:
    text = Text("t0", "brief", CAPTION, source("c"))
    found = pieces(text, [("g0", grounding(0, 12)), ("g1", grounding(6, 12)), ("g2", grounding(20, 999))])
    assert [(piece.text, piece.phrases) for piece in found] == [
        ("a red ", "g0"), ("square", "g0 g1"), (" beside ", ""), ("a blue one", "g2"),
    ]  # fmt: skip
    assert "".join(piece.text for piece in pieces(text, [])) == CAPTION
    assert [each.words for each in written(OLD)] == [7]


def test_the_smallest_shape_lies_on_top_and_drops_keep_their_reason() -> None:
    row = {"kept": False, "type": "region", "source": "yolo", "ref": "yolo/7", "text": "ghost", "score": 0.2,
           "rule": "region.score", "value": 0.2, "threshold": 0.3,
           "box": {"x0": 1.0, "y0": 1.0, "x1": 3.0, "y1": 3.0}}  # fmt: skip
    found = shapes(OLD, [row, {**row, "kept": True}, {**row, "box": None}])
    assert [shape.id for shape in found] == ["r1", "r0", "g0.0", "yolo/7"]
    assert (found[-1].rule, found[-1].value, found[-1].threshold, found[-1].sources) == (
        "region.score",
        0.2,
        0.3,
        ["yolo"],
    )
    assert found[0].outline.split()[0] == f"{BLUE[0]:.1f},{BLUE[1]:.1f}"
    assert found[1].said_json == '[["yolo", 0.92, true, 0.97], ["detr", 0.8, true, 0.9]]'
