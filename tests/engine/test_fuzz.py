"""Any file of a corpus harmed in any way, against any verb: the right answer, or exit code 2 or 5 with one line.

Right is what a whole corpus answers; of a verb that writes, that every file is then as in a whole corpus or as it was.
The seed is fixed, so that a failure comes again; FLD_FUZZ_SEED and FLD_FUZZ_S=3600 choose others and more."""

import os
import random
import shutil
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.engine.commands import fld
from tests.engine.harms import READERS, WRITERS, Answer, contents, files, harm, whole

SHORT, LONG_S = 40, float(os.environ.get("FLD_FUZZ_S", "60"))
SEED = int(os.environ.get("FLD_FUZZ_SEED", "1"))
VERBS = {**READERS, **WRITERS}


class Field(NamedTuple):
    """stored: a whole corpus and what belongs to it; played: where a copy of it is harmed, always the same place, since
    answers name paths; right: the answers of a whole one."""

    stored: Path
    played: Path
    right: dict[str, Answer]

    def copy(self) -> Path:
        """A whole corpus."""
        shutil.rmtree(self.played, ignore_errors=True)
        shutil.copytree(self.stored, self.played)
        return self.played / "corpus"


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Field:
    played = tmp_path_factory.mktemp("fuzz") / "case"
    whole(_new(played))
    stored = played.rename(played.with_name("stored"))
    found = Field(stored, played, {})
    corpus = found.copy()
    assert fld("trust", str(corpus)).code == 0
    for name, verb in VERBS.items():
        found.right[name] = verb(found.copy(), _new(played / "out"))
        assert found.right[name].code == 0, (name, found.right[name].said)
    return found


def _new(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def cases(field: Field, chance: random.Random) -> Iterator[tuple[str, list[str]]]:
    """What was done, and what is wrong with the verbs' answers: as many as are asked for, kinds of files in turn."""
    kinds: dict[str, list[str]] = {}
    corpus = field.copy()
    for path in files(corpus):
        name = str(path.relative_to(field.played))
        kinds.setdefault("".join(each for each in name if not each.isdigit()), []).append(name)
    while True:
        for kind in chance.sample(sorted(kinds), len(kinds)):
            corpus = field.copy()
            name, everything = chance.choice(kinds[kind]), files(corpus)
            done = f"{name} {harm(field.played / name, everything, chance)}"
            harmed = field.played.rename(field.played.with_name("harmed"))
            for verb in chance.sample(sorted(VERBS), 2):
                shutil.copytree(harmed, field.played)
                said = asked(field, verb, name)
                yield done, [f"{done}: {verb}: {said}"] if said else []
                shutil.rmtree(field.played)
            shutil.rmtree(harmed)


def asked(field: Field, verb: str, name: str) -> str:
    """What is wrong with a verb's answer in the harmed copy; "" for nothing."""
    corpus = field.played / "corpus"
    before = contents(corpus)
    try:
        answer = VERBS[verb](corpus, _new(field.played / "out"))
    except Exception:  # noqa: BLE001  # each is a finding, and the next case is tried
        return f"a traceback: {traceback.format_exc()[-1500:]}"
    if verb in READERS and contents(corpus) != before:
        return "a verb that reads wrote"
    if answer.code in (2, 5):
        errors = [line for line in answer.said.splitlines() if line.startswith("Error: ")]
        return "" if len(errors) == 1 else f"exit code {answer.code} without one line: {answer.said[:400]}"
    if answer.code != 0:
        return f"exit code {answer.code}: {answer.said[:400]}"
    return differs(verb, answer, field.right[verb], name.removeprefix("corpus/"), before)


def differs(verb: str, answer: Answer, right: Answer, name: str, before: dict[str, bytes]) -> str:
    """What is not as in a whole corpus."""
    if verb in READERS:
        says_so = verb == "status" and " 1/2 " in answer.said  # that a unit is missing, or what writing brings back
        says_so |= verb == "filter --dry-run" and "+16" in answer.said
        return "" if answer == right or says_so else f"another answer: {answer.said[:600]}"
    assert isinstance(answer.made, dict)
    assert isinstance(right.made, dict)
    for path in sorted({*answer.made, *right.made}):
        now = answer.made.get(path)
        if path.startswith("raw/gate-") and verb == "verify --repair":
            continue  # of a verdict that is there: nobody asks again
        if now != right.made.get(path) and not (path == name and now == before.get(path)):
            return f"{path} is {'missing' if now is None else 'another'}: {answer.said[:400]}"
    return ""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_some_harms(field: Field) -> None:
    found = cases(field, random.Random(SEED))
    wrong = [line for _ in range(SHORT) for line in next(found)[1]]
    assert wrong == [], "\n".join(wrong)


@pytest.mark.slow
@pytest.mark.timeout(36000)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_many_harms(field: Field) -> None:
    end, wrong = time.monotonic() + LONG_S, []
    for _, lines in cases(field, random.Random(SEED + 1)):
        wrong += lines
        if time.monotonic() > end:
            break
    assert wrong == [], "\n".join(wrong)
