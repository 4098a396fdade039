"""Answers that were paid for are kept beside the account."""

from pathlib import Path

from specialists.kept_answers import KeptAnswers


def test_a_store_that_cannot_be_written_only_costs_asking_again(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    kept = KeptAnswers(tmp_path / "file" / "answers.sqlite")
    kept.put(b"1", "one")
    assert kept.get(b"1") is None
    (tmp_path / "damaged.sqlite").write_bytes(b"no database" * 100)
    kept = KeptAnswers(tmp_path / "damaged.sqlite")
    kept.put(b"1", "one")
    assert kept.get(b"1") is None
    kept = KeptAnswers(tmp_path / "good" / "answers.sqlite")
    kept.put(b"1", "one")
    assert kept.get(b"1") == "one"
    kept.close()
