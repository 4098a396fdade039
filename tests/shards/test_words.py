"""docs/words.md names the types that there are."""

import re
from pathlib import Path
from typing import get_args

from shards import finding
from shards.finding import Finding

WORDS = Path(__file__).parents[2] / "docs" / "words.md"


def test_the_table_gives_every_type_of_finding_its_kind_on_disk() -> None:
    pairs = set(re.findall(r"\| `(\w+)`[^|`]*, `(\w+)` \|", WORDS.read_text()))
    assert pairs == {(of.__name__, of.__struct_config__.tag) for of in get_args(Finding)}
    assert {kind for _, kind in pairs} == set(get_args(finding.Kind))
