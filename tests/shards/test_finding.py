from shards.finding import Box, Caption, Detection, Mask, OcrLine, PhraseGrounding, reference, rounded


def test_a_reference_names_annotator_and_position() -> None:
    assert reference("detector", 3) == "detector/3"


def test_findings_are_stored_to_a_hundredth_of_a_pixel() -> None:
    box: Box = (0.004, 1.006, 2, 3)
    near: Box = (0.0, 1.01, 2.0, 3.0)
    assert rounded(OcrLine("EXIT", 0.123456, box=box, quad=(0.111,) * 8)) == OcrLine(
        "EXIT", 0.1235, box=near, quad=(0.11,) * 8
    )
    assert rounded(Detection(score=1, box=box, polygons=[[1.234, 5.678]])) == Detection(
        score=1.0, box=near, polygons=[[1.23, 5.68]]
    )
    phrase = PhraseGrounding("a", 0.5, about="t/0", box=box, span=(0, 1), phrase_score=0.99999)
    assert rounded(phrase) == PhraseGrounding("a", 0.5, about="t/0", box=near, span=(0, 1), phrase_score=1.0)
    assert rounded(Mask(about="d/0", polygons=[[1.234]])) == Mask(about="d/0", polygons=[[1.23]])


def test_what_is_not_set_stays_unset() -> None:
    assert rounded(Caption("a dog")) == Caption("a dog")
