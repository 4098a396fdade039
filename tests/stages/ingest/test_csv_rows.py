import pytest

from stages.ingest.csv_rows import csv_rows


def rows(text: str, delimiter: str = ",") -> list[tuple[list[object], str]]:
    return [(list(row.values.values()), row.problem) for row in csv_rows(text.split("\n"), delimiter)]


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_a_lone_quote_swallows_nothing(delimiter: str) -> None:
    lines = ["path,caption", 'a.jpg,"a sign that says stop', "b.jpg,two boxes", "c.jpg,three"]
    found = rows("\n".join(lines).replace(",", delimiter), delimiter)
    assert found == [(["a.jpg", '"a sign that says stop'], ""), (["b.jpg", "two boxes"], ""), (["c.jpg", "three"], "")]


def test_a_lone_quote_that_a_later_one_seems_to_close() -> None:
    found = rows('path,caption\na.jpg,"stop\nb.jpg,two\nc.jpg,"three"\nd.jpg,"four\ne.jpg,five"\nf.jpg,six')
    assert [values[0] for values, _ in found] == ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg", "f.jpg"]
    assert [values[1] for values, _ in found][2] == "three"


def test_quotes_as_the_standard_has_them() -> None:
    found = rows('path,caption\na.jpg,"a dog, ""brown"",\nand a cat"\n"b.jpg",5" tall\nc.jpg,""')
    assert found == [(["a.jpg", 'a dog, "brown",\nand a cat'], ""), (["b.jpg", '5" tall'], ""), (["c.jpg", ""], "")]


def test_a_comma_in_a_text_without_quotes_fails_its_row() -> None:
    good, bad, padded = rows("path,caption\na.jpg,one\nb.jpg,a dog, brown\nc.jpg,two,,")
    assert bad == (["b.jpg", "a dog"], "has 3 fields, the header 2: put texts with ',' in quotes")
    assert (good[1], padded[1]) == ("", "")


def test_short_rows_blank_lines_and_large_fields() -> None:
    assert rows("path,caption\n\na.jpg\n,\nb.jpg,") == [(["a.jpg", None], ""), (["", ""], ""), (["b.jpg", ""], "")]
    [(values, problem)] = rows(f'path,caption\na.jpg,"{"x, " * 100_000}"')
    assert (len(str(values[1])), problem) == (300_000, "")
    assert rows("") == []


def test_a_blank_before_a_quote_is_none() -> None:
    found = rows('path, caption\na.jpg, "a dog, brown"\nb.jpg, "two')
    assert found == [(["a.jpg", "a dog, brown"], ""), (["b.jpg", ' "two'], "")]
