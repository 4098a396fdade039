from pathlib import Path

import pytest

from tests.specialists.tiny_florence2 import save_tiny_florence2
from tests.stages.retrain import corpora


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_florence2(tmp_path_factory.mktemp("florence2"))


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    return corpora.build(tmp_path / "corpus")
