from shards.finding import Finding, reference, rounded


def test_a_reference_names_annotator_and_position() -> None:
    assert reference("detector", 3) == "detector/3"


def test_findings_are_stored_to_a_hundredth_of_a_pixel() -> None:
    exact = Finding(
        "ocr",
        "EXIT",
        0.123456,
        box=(0.004, 1.006, 2, 3),
        quad=(0.111,) * 8,
        polygons=[[1.234, 5.678]],
        phrase_score=0.99999,
    )
    stored = rounded(exact)
    assert (stored.score, stored.phrase_score) == (0.1235, 1.0)
    assert stored.box == (0.0, 1.01, 2.0, 3.0)
    assert stored.quad == (0.11,) * 8
    assert stored.polygons == [[1.23, 5.68]]
    assert rounded(stored) == stored


def test_what_is_not_set_stays_unset() -> None:
    assert rounded(Finding("text", "a dog")) == Finding("text", "a dog")
