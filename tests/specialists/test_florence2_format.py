"""Our grammar against transformers' own quantiser and `post_process_generation`, on generated answers."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shards.finding import Box, Polygons, Quad
from specialists import florence2_format as fmt

ALL_BINS = (fmt.BINS, fmt.BINS)
"""With this image size upstream's integer de-quantiser returns the bins themselves."""

label_text = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=12)
labels = label_text.filter(lambda text: fmt.clean_label(text) != "")
sizes = st.tuples(st.integers(1, 4000), st.integers(1, 4000))
unit = st.floats(0, 1, allow_nan=False)


def _flat(count: int) -> st.SearchStrategy[tuple[float, ...]]:
    return st.tuples(*[unit] * count)


def _scaled(values: tuple[float, ...], width: int, height: int) -> tuple[float, ...]:
    return tuple(v * (height if i % 2 else width) for i, v in enumerate(values))


@pytest.fixture(scope="module")
def upstream() -> Any:
    from transformers.models.florence2.processing_florence2 import Florence2PostProcessor

    kinds = ["ocr", "phrase_grounding", "pure_text", "description_with_bboxes", "polygons", "bboxes"]
    kinds += ["description_with_polygons", "description_with_bboxes_or_polygons"]
    tokenizer = SimpleNamespace(all_special_tokens=["<s>", "</s>", "<pad>"])
    return Florence2PostProcessor(config={kind: {} for kind in kinds}, tokenizer=tokenizer)  # type: ignore[no-untyped-call]


def parsed(upstream: Any, kind: str, text: str) -> Any:
    return upstream(text=text, image_size=ALL_BINS, parse_tasks=kind)[kind]


@given(values=_flat(4), size=sizes)
def test_quantiser_is_that_of_transformers(upstream: Any, values: tuple[float, ...], size: tuple[int, int]) -> None:
    import torch

    box = _scaled(values, *size)
    assert fmt.quantize(box, *size) == upstream.quantize(torch.tensor([box], dtype=torch.float32), size)[0].tolist()


@pytest.mark.parametrize("width", [64, 224, 640, 768, 1000, 1024, 2048])
def test_quantiser_is_that_of_transformers_at_every_integer(upstream: Any, width: int) -> None:
    import torch

    points = [(float(x), float(x)) for x in range(width + 1)]
    expected = upstream.quantize(torch.tensor(points), (width, width)).flatten().tolist()
    assert fmt.quantize([v for point in points for v in point], width, width) == expected


@given(values=_flat(8), size=sizes)
def test_dequantised_points_are_half_a_bin_away_at_most(values: tuple[float, ...], size: tuple[int, int]) -> None:
    quad = _scaled(values, *size)
    back = fmt.dequantize(fmt.quantize(quad, *size), *size)
    for i, (before, after) in enumerate(zip(quad, back, strict=True)):
        assert abs(before - after) <= size[i % 2] / fmt.BINS * 0.501


@given(items=st.lists(st.tuples(labels, _flat(4)), max_size=8), size=sizes)
def test_detections_survive_and_parse_as_upstream(upstream: Any, items: list[Any], size: tuple[int, int]) -> None:
    regions: list[tuple[str, Box]] = [(label, _scaled(box, *size)) for label, box in items]  # type: ignore[misc]
    target = fmt.regions_target(regions, *size)
    ours = [(place.label, list(place.bins)) for place in fmt.parse_regions(f"</s><s>{target}</s><pad>")]
    written = [(fmt.clean_label(label), fmt.quantize(box, *size)) for label, box in regions]
    assert sorted(ours) == sorted(written)
    theirs = parsed(upstream, "description_with_bboxes", target)
    assert ours == [(instance["cat_name"], instance["bbox"]) for instance in theirs]


@given(items=st.lists(st.tuples(labels, st.lists(_flat(4), max_size=3)), max_size=6), size=sizes)
def test_phrases_parse_as_upstream(upstream: Any, items: list[Any], size: tuple[int, int]) -> None:
    phrases = [(label, [_scaled(box, *size) for box in boxes]) for label, boxes in items]
    target = fmt.phrases_target(phrases, *size)  # type: ignore[arg-type]
    ours = [(place.label, list(place.bins)) for place in fmt.parse_regions(target)]
    assert ours == [(fmt.clean_label(p), fmt.quantize(box, *size)) for p, boxes in phrases for box in boxes]
    theirs = parsed(upstream, "phrase_grounding", target)
    assert ours == [(instance["cat_name"], box) for instance in theirs for box in instance["bbox"]]


@given(boxes=st.lists(_flat(4), max_size=6), size=sizes)
def test_proposals_parse_as_upstream(upstream: Any, boxes: list[Any], size: tuple[int, int]) -> None:
    target = fmt.proposals_target([_scaled(box, *size) for box in boxes], *size)  # type: ignore[misc]
    ours = [(place.label, list(place.bins)) for place in fmt.parse_regions(target)]
    theirs = parsed(upstream, "bboxes", target)
    assert ours == [(instance["cat_name"], instance["bbox"]) for instance in theirs]
    assert len(ours) == len(boxes)


@given(items=st.lists(st.tuples(label_text.filter(fmt.clean_text), _flat(8)), max_size=5), size=sizes)
def test_words_parse_as_upstream(upstream: Any, items: list[Any], size: tuple[int, int]) -> None:
    words: list[tuple[str, Quad]] = [(text, _scaled(quad, *size)) for text, quad in items]  # type: ignore[misc]
    target = fmt.words_target(words, *size)
    ours = [(place.label, list(place.bins)) for place in fmt.parse_words(target)]
    assert ours == [(fmt.clean_text(text), fmt.quantize(quad, *size)) for text, quad in words]
    assert ours == [(instance["text"], instance["quad_box"]) for instance in parsed(upstream, "ocr", target)]


rings = st.lists(unit, min_size=6, max_size=12).map(lambda values: values[: len(values) // 2 * 2])


@given(instances=st.lists(st.lists(rings, min_size=1, max_size=3), min_size=1, max_size=3))
def test_polygons_parse_as_upstream(upstream: Any, instances: list[Polygons]) -> None:
    target = fmt.polygons_target(instances, 1, 1)
    ours = [outlined.rings for outlined in fmt.parse_polygons(target)]
    assert ours == [[fmt.quantize(ring, 1, 1) for ring in rings_] for rings_ in instances]
    assert ours == [instance["polygons"] for instance in parsed(upstream, "polygons", target)]


@given(label_text)
def test_cleaning_is_idempotent_and_leaves_no_token(text: str) -> None:
    for clean in (fmt.clean_text, fmt.clean_label):
        assert clean(clean(text)) == clean(text)
    assert "<" not in fmt.clean_label(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat<loc_1><loc_2><loc_3>dog<loc_1><loc_2><loc_3><loc_4>", [("dog", 1)]),
        ("cat<loc_1><loc_2><loc_3><loc_4><loc_5>dog<loc_1><loc_2><loc_3><loc_4>", [("cat", 1), ("dog", 1)]),
        ("<loc_1><loc_2><loc_3><loc_4>dog<loc_1><loc_2><loc_3><loc_4>", [("", 1), ("dog", 1)]),
        ("café<loc_1><loc_2><loc_3><loc_4>", [("café", 1)]),
        ("a < b<loc_1><loc_2><loc_3><loc_4>", [("b", 1)]),
        ("a\n b<loc_1><loc_2><loc_3><loc_4>", [("a b", 1)]),
        ("no place at all", []),
        ("", []),
    ],
)
def test_a_damaged_answer_costs_only_the_damaged_item(text: str, expected: list[tuple[str, int]]) -> None:
    assert [(place.label, place.bins[0]) for place in fmt.parse_regions(text)] == expected


def test_spans_point_into_the_answer() -> None:
    text = "</s><s> red car<loc_1><loc_2><loc_3><loc_4><loc_5><loc_6><loc_7><loc_8>"
    first, second = fmt.parse_regions(text)
    assert text[slice(*first.label_span)] == text[slice(*second.label_span)] == "red car"
    assert text[slice(*second.span)] == "<loc_5><loc_6><loc_7><loc_8>"


def test_a_text_that_imitates_tokens_stays_a_text() -> None:
    assert fmt.prompt("<CAPTION_TO_PHRASE_GROUNDING>", "see <OD> <loc_5></s>now") == (
        "Locate the phrases in the caption: see now"
    )
    assert fmt.prompt("<REGION_TO_CATEGORY>", "<loc_1><loc_2><loc_3><loc_4>").endswith("<loc_3><loc_4>?")


def test_refusals_say_what_to_do() -> None:
    with pytest.raises(ValueError, match="takes no text besides the image, got 'x'"):
        fmt.prompt("<OD>", "x")
    with pytest.raises(ValueError, match="takes a text besides the image"):
        fmt.prompt("<CAPTION_TO_PHRASE_GROUNDING>", "  ")
    with pytest.raises(ValueError, match="task must be one of <CAPTION>"):
        fmt.prompt("<ODD>")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a label needs ASCII letters or digits"):
        fmt.regions_target([("猫", (0, 0, 1, 1))], 10, 10)
    with pytest.raises(ValueError, match="a text region needs text"):
        fmt.words_target([("<s>", (0, 0, 1, 0, 1, 1, 0, 1))], 10, 10)
