"""The quick tier (`make quick`): what can be tested without torch and spaCy, which take twenty seconds to import.

A pytest plugin: a test, or a whole file, that comes to import one of them is skipped at that moment.
"""

import sys
from collections.abc import Sequence
from types import ModuleType

import pytest

HEAVY = frozenset({"torch", "torchvision", "transformers", "spacy", "thinc", "ray", "ultralytics", "moto"})


class _Skip:
    """Asked first of all finders."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> None:
        del path, target
        if name.partition(".")[0] in HEAVY:
            pytest.skip(f"imports {name}", allow_module_level=True)


sys.meta_path.insert(0, _Skip())
