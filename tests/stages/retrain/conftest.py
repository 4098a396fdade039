import json
import shutil
from pathlib import Path

import pytest

from tests.specialists.tiny_florence2 import save_tiny_florence2
from tests.stages.retrain import corpora


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_florence2(tmp_path_factory.mktemp("florence2"))


@pytest.fixture(scope="session")
def restless(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with dropout: every random number that somebody else draws changes its losses."""
    folder = tmp_path_factory.mktemp("restless") / "florence2"
    shutil.copytree(checkpoint, folder)
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["dropout"] = 0.2
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    return corpora.build(tmp_path / "corpus")
