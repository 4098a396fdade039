"""Every test gets a corpus that is not there yet."""

from pathlib import Path

import pytest

from shards.store import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "corpus")
