"""A corpus with all that one can hold, ways to harm a file of it, and every verb as a question with one right answer.

whole(folder)                    the corpus: two rounds, a promoted model, reviews, a calibration; files beside it
harm(path, others, chance)       "flip at byte 71", done
VERBS["eval"](corpus, out)       an Answer: exit code, what was printed and what was written
"""

import contextlib
import io
import json
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from engine.api.loop import Loop
from engine.console.exit_codes import KNOWN, report_error
from engine.corpus.session import opened
from shards.reader import Corpus
from shards.record import encode
from shards.store import open_store
from stages.retrain.pool import load_pool
from tests.engine.commands import Done, fld
from tests.engine.fake_specialists import save_pictures
from tests.engine.learners import BLIND, CONFIG, GOOD, School, build, save

PICTURES = 32
NOT_COMPARED = (".lock", "logs", "columns.json", "categories.json", "says.json")
"""columns.json and categories.json are written again from what is known; the model is the tests' own, not sealed."""
BESIDE = ("gold.jsonl", "corrections.jsonl", "eval.json")
"""Files beside the corpus that a verb reads."""


class Answer(NamedTuple):
    """code: exit code; said: all that was printed; made: what was written for the user, or kept in the corpus."""

    code: int
    said: str
    made: object = None


def whole(folder: Path) -> Path:
    """The corpus `folder/corpus`, from `folder/photos`, with BESIDE beside it."""
    save_pictures(folder / "photos", PICTURES)
    corpus = folder / "corpus"
    name = str(corpus)
    start = save(folder / "start", BLIND)
    (folder / "loop.yaml").write_text(CONFIG.replace("shard_size: 5", "shard_size: 16") + f"  start: {start}\n")
    _must("run", str(folder / "photos"), name, "--config", str(folder / "loop.yaml"))
    round_ = Corpus(name).round(0)
    records = [record for shard in round_.shards() for record in round_.records(shard)]
    (folder / "gold.jsonl").write_bytes(b"".join(encode(record) + b"\n" for record in records))
    lines = [
        {"key": "p001", "action": "relabel", "target": "r0", "label": "zebra"},
        {"key": "p002", "action": "add", "text": "EXIT", "box": [1, 1, 20, 9]},
    ]
    (folder / "corrections.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    _must("review", name, str(folder / "corrections.jsonl"), "--who", "ann")
    _must("calibrate", name, "--gold", str(folder / "gold.jsonl"))
    _must("filter", name)
    assert _loop(corpus, folder).code == 0
    _must("export", name, str(folder / "once"))  # from now on the corpus keeps its category numbers
    _must("eval", name, "--gold", str(folder / "gold.jsonl"), "--json", str(folder / "eval.json"))
    return corpus


def _must(*arguments: str) -> None:
    done = fld(*arguments)
    assert done.code == 0, (arguments, done.said)


def harm(path: Path, others: Sequence[Path], chance: random.Random) -> str:
    """Damage one file; what was done."""
    data = path.read_bytes()
    at = chance.randrange(max(1, len(data)))
    how = chance.choice(["flip", "cut", "delete", "swap", "digit", "zeros", "longer", "empty", "word"])
    if how == "delete":
        path.unlink()
        return how
    if how == "swap":
        alike = [other for other in others if other.suffix == path.suffix and other != path] or list(others)
        other = chance.choice(alike)
        shutil.copyfile(other, path)
        return f"swap with {other.name}"
    path.write_bytes(_changed(data, at, how, chance))
    return f"{how} at byte {at}"


def _changed(data: bytes, at: int, how: str, chance: random.Random) -> bytes:
    match how:
        case "flip" if data:
            return data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]
        case "cut":
            return data[:at]
        case "zeros":
            return data[:at] + bytes(min(64, len(data) - at)) + data[at + 64 :]
        case "longer":
            return data + chance.choice([b"\0" * 512, b"\n{}\n", data[:100]])
        case "digit":
            places = [i for i, byte in enumerate(data) if byte in b"0123456789"]
            at = chance.choice(places) if places else 0
            return data[:at] + chance.choice([b"9", b"-1", b"1e999", b"NaN"]) + data[at + 1 :]
        case "word":
            text = data.decode("latin-1")
            return text.replace(*chance.choice(_WORDS), 1).encode("latin-1")
        case _:
            return b""


_WORDS = [
    (": {", ": null, {"), ('":"', '":null,"'), ("[", "{"), ("true", "0"), ("ok", "failed"), (": ", ": *a "),
    ("annotators:", "annotators: &a"), ("p001", "p002"), ('"', ""), ("box", "\\u0000"), ("detector", "describer"),
]  # fmt: skip


def files(corpus: Path) -> list[Path]:
    """What can be harmed: the corpus's own files, and those beside it that a verb reads."""
    own = [path for path in sorted(corpus.rglob("*")) if path.is_file() and not _is_apart(path.relative_to(corpus))]
    return [*own, *(corpus.parent / name for name in BESIDE)]


def contents(corpus: Path) -> dict[str, bytes]:
    """Every file that counts."""
    found = [path for path in sorted(corpus.rglob("*")) if path.is_file()]
    return {
        str(path.relative_to(corpus)): path.read_bytes() for path in found if not _is_apart(path.relative_to(corpus))
    }


def _is_apart(path: Path) -> bool:
    return path.parts[0].startswith(NOT_COMPARED) or path.name in NOT_COMPARED


def _typed(*arguments: str) -> Callable[[Path, Path], Answer]:
    """A verb whose answer is what it prints; the names of files beside the corpus and OUT stand for
    their paths; what is written to OUT is part of the answer."""

    def ask(corpus: Path, out: Path) -> Answer:
        beside = corpus.parent
        known = {name: str(beside / name) for name in BESIDE}
        known |= {"OUT": str(out / "made"), "OUT.png": str(out / "made.png")}
        done = fld(arguments[0], str(corpus), *(known.get(each, each) for each in arguments[1:]))
        made = {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
        return Answer(done.code, done.said, made)

    return ask


def _written(*arguments: str) -> Callable[[Path, Path], Answer]:
    """A verb whose answer is what the corpus holds then."""

    def ask(corpus: Path, out: Path) -> Answer:
        done = _typed(*arguments)(corpus, out)
        return Answer(done.code, done.said, contents(corpus))

    return ask


def _ingest(corpus: Path, out: Path) -> Answer:
    """`fld ingest` of the same pictures once more."""
    del out
    done = fld("ingest", str(corpus.parent / "photos"), str(corpus))
    return Answer(done.code, done.said, contents(corpus))


def _loop(corpus: Path, out: Path) -> Answer:
    """`fld loop` up to round 1, with models that say what they are told."""
    del out

    def work() -> None:
        with opened(str(corpus), None, []) as session:
            Loop(replace(session, build=build), None, School(session, [GOOD]).train).run(1)

    done = _as_a_command(work)
    return Answer(done.code, done.said, contents(corpus))


def _retrain(corpus: Path, out: Path) -> Answer:
    """`fld retrain` up to its first step: what it would train on."""
    del out
    seen: list[object] = []

    def work() -> None:
        with opened(str(corpus), None, []) as session:
            pool = load_pool(open_store(session.corpus), 0)
            seen.extend(pool.read(i) for i in range(len(pool)))

    done = _as_a_command(work)
    return Answer(done.code, done.said, seen)


def _as_a_command(work: Callable[[], None]) -> Done:
    said, code = io.StringIO(), 0
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            work()
        except KNOWN as error:
            code = report_error(error)
    return Done(code, said.getvalue())


READERS: dict[str, Callable[[Path, Path], Answer]] = {
    "status": _typed("status"),
    "show": _typed("show", "p005", "--out", "OUT.png", "--dropped"),
    "show --json": _typed("show", "p001", "--json", "--round", "1"),
    "filter --dry-run": _typed("filter", "--dry-run"),
    "eval": _typed("eval", "--gold", "gold.jsonl", "--rounds", "--json", "OUT"),
    "stats": _typed("stats", "--json"),
    "report": _typed("report", "--eval", "eval.json", "--against", "0", "--out", "OUT"),
    "suspects": _typed("review", "--suspects", "5"),
    **{
        f"export {name}": _typed("export", "OUT", "--format", name)
        for name in ("coco", "yolo", "hf", "label-studio", "cvat", "jsonl")
    },
    "retrain": _retrain,
    "verify": _typed("verify"),
}
WRITERS: dict[str, Callable[[Path, Path], Answer]] = {
    "annotate": _written("annotate"),
    "filter": _written("filter"),
    "filter 1": _written("filter", "--round", "1"),
    "calibrate": _written("calibrate", "--gold", "gold.jsonl"),
    "review": _written("review", "corrections.jsonl", "--who", "ann", "--round", "0"),
    "verify --repair": _written("verify", "--repair"),
    "ingest": _ingest,
    "loop": _loop,
}
