from stages.recipes.embedded.mirror import can_mirror, mirrored_record
from stages.scenes.gold import draw_scene

RECORDS = [record for record in (draw_scene(29, index).record for index in range(12)) if can_mirror(record)]


def test_spans_still_name_their_phrases() -> None:
    assert len(RECORDS) > 5
    moved = 0
    for record in RECORDS:
        for text, before in zip(mirrored_record(record).texts, record.texts, strict=True):
            moved += text.text != before.text
        texts = {text.id: text.text for text in mirrored_record(record).texts}
        for grounding in mirrored_record(record).groundings:
            assert texts[grounding.text_id][slice(*grounding.span)] == grounding.phrase
    assert moved > 3


def test_boxes_change_sides() -> None:
    record = RECORDS[0]
    for region, before in zip(mirrored_record(record).regions, record.regions, strict=True):
        assert region.box == (record.width - before.box[2], before.box[1], record.width - before.box[0], before.box[3])


def test_a_mirror_of_a_mirror_is_the_scene() -> None:
    for record in RECORDS:
        twice = mirrored_record(mirrored_record(record))
        assert twice.texts == record.texts
        assert [g.span for g in twice.groundings] == [g.span for g in record.groundings]


def test_what_is_written_cannot_be_mirrored() -> None:
    records = [draw_scene(29, index).record for index in range(12)]

    assert not any(can_mirror(record) for record in records if any(region.kind == "text" for region in record.regions))
