"""Every file of a corpus flipped, cut, deleted and swapped, against every verb: the right answer, or exit code 2 or 5
with one line that says what is wrong. A traceback is a mistake of ours."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.commands import Done, fld
from tests.engine.projects import build

NOT_OF_A_CORPUS = (".lock", "logs")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("harm"))


def harms(path: Path, other: bytes) -> Iterator[tuple[str, bytes | None]]:
    data = path.read_bytes()
    middle = len(data) // 2
    yield "flip", data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :] if data else b"x"
    yield "cut", data[:middle]
    yield "delete", None
    if other != data:
        yield "swap", other


def verbs(corpus: Path, out: Path) -> dict[str, Done]:
    name = str(corpus)
    found = {
        "status": fld("status", name),
        "show": fld("show", name, "p005", "--out", str(out / "p.png")),
        "filter --dry-run": fld("filter", name, "--dry-run"),
        "export": fld("export", name, str(out / "coco.json")),
    }
    exported = (out / "coco.json").read_text() if found["export"].code == 0 else ""
    return found | {"export": Done(found["export"].code, exported), "verify": fld("verify", name)}


@pytest.mark.thorough  # about 500 commands
@pytest.mark.timeout(1800)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # an export that fails leaves files open
def test_a_harmed_file_gives_the_right_answer_or_one_line(whole: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    shutil.copytree(whole, corpus)
    assert fld("trust", str(corpus)).code == 0
    right = verbs(corpus, tmp_path)
    assert {done.code for done in right.values()} == {0}, right
    files = [
        path
        for path in sorted(corpus.rglob("*"))
        if path.is_file() and not path.relative_to(corpus).parts[0].startswith(NOT_OF_A_CORPUS)
    ]
    wrong = []
    for number, path in enumerate(files):
        before, other = path.read_bytes(), files[number - 1].read_bytes()
        for harm, data in harms(path, other):
            path.unlink() if data is None else path.write_bytes(data)
            for verb, done in verbs(corpus, tmp_path).items():
                said = "" if done.code == 0 and done.said == right[verb].said else judged(verb, done)
                wrong += [f"{path.relative_to(corpus)} {harm}: {verb}: {said}"] if said else []
            path.write_bytes(before)
    assert wrong == [], "\n".join(wrong)


def judged(verb: str, done: Done) -> str:
    """What is wrong with an answer that is not the one of a whole corpus; "" if nothing is."""
    if done.code in (2, 5):
        errors = [line for line in done.said.splitlines() if line.startswith("Error: ")]
        return "" if verb == "export" or len(errors) == 1 else f"no line with an error: {done.said}"
    if verb == "status" and ("2/3" in done.said or "lacks 1 image shards" in done.said):
        return ""  # it says what is missing
    if verb == "filter --dry-run" and "+" in done.said:
        return ""  # it says what writing the round would bring back
    return f"exit code {done.code} with another answer: {done.said[:300]}"
