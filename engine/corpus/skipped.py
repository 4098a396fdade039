"""The images that the duplicate settings leave out of every round.

Shard -> key -> why. Made of the rows of a shard when somebody asks for it: a corpus can have millions of them.
"""

from collections.abc import Iterator, Mapping

from shards.store import Store
from stages.ingest.duplicates import dropped_images
from stages.ingest.settings import DuplicateSettings
from stages.round import Skip, Skipped


class SkippedImages(Mapping[str, Skipped]):
    """Has the shards that lose an image."""

    def __init__(self, store: Store, settings: DuplicateSettings) -> None:
        self._dropped = dropped_images(store, settings)
        self._limits = {"near_duplicate": float(settings.distance)}

    def __getitem__(self, shard: str) -> Skipped:
        return {
            key: Skip(rule, float(distance), self._limits.get(rule))
            for key, (rule, _, distance) in self._dropped[shard].items()
        }

    def __iter__(self) -> Iterator[str]:
        return iter(self._dropped)

    def __len__(self) -> int:
        return len(self._dropped)
