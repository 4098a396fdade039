"""Verbs that only look import no library that they do not use: it would cost more than all they do."""

import subprocess
import sys
from pathlib import Path

import pytest

from shards.store import LocalStore
from tests.shards.corpora import build_corpus

HEAVY = "('pandas', 'torch', 'transformers', 'ray', 'spacy', 'matplotlib', 'scipy', 'cv2')"


@pytest.mark.parametrize(
    "words", [["status"], ["show", "s0/image1", "--json"], ["show", "nobody"], ["view", "--round", "7"]]
)
def test_looking_imports_no_heavy_library(tmp_path: Path, words: list[str]) -> None:
    build_corpus(LocalStore(tmp_path))
    verb, *rest = words
    code = (
        f"import sys; sys.argv = ['fld', {verb!r}, {str(tmp_path)!r}, *{rest!r}]\n"
        "from engine.cli import main\n"
        "try: main()\n"
        f"finally: sys.stderr.write('heavy: ' + ' '.join(name for name in {HEAVY} if name in sys.modules) + '\\n')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == "heavy: ", done.stderr
    assert "Traceback" not in done.stderr
