import sys
from pathlib import Path

import pytest

from filters.elements import Elements, main, mean_elements
from filters.features import TextFeatures


def test_means_per_text_and_per_element() -> None:
    features = [TextFeatures(6, 2, 1, 1, 0, (3, 2), (2,)), TextFeatures(3, 1, 0, 0, 1, (1,), ())]
    assert mean_elements(features) == Elements(2, 4.5, 1.5, 0.5, 0.5, 0.5, 2.0, 2.0)


def test_nothing_to_average() -> None:
    assert mean_elements([]) == Elements(0, 0, 0, 0, 0, 0, 0, 0)


def test_the_table_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "captions.txt").write_text("A brown dog chases two balls.\n\na dog\n")
    monkeypatch.setattr(sys, "argv", ["elements", str(tmp_path / "captions.txt")])
    main()
    assert capsys.readouterr().out.splitlines()[2].startswith("| 2 | 4.0 | 1.5 | 0.5 | 0.5 | 0.0 | ")
