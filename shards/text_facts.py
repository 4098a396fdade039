"""What a parser found in the texts of a shard, kept so that no round reads a text twice.

    texts/<parser>/000000.facts  texts/<parser>/manifest/000000.json

The content belongs to `engine.runtime.known_texts`; <parser> is a hash of all that decides it. All of it can be found
again: a damaged file counts as absent, `fld verify` does not read it, and the folder may be deleted at any time.
"""

import zlib

from shards import commit
from shards.commit import ImageCounts
from shards.layout import texts_folder
from shards.store import Store


def write_facts(store: Store, parser: str, shard: str, content: bytes) -> None:
    """Replace the facts of a shard."""
    files = {f"{shard}.facts": content}
    commit.publish(store, texts_folder(parser), shard, files, ImageCounts(0, 0), parser)


def read_facts(store: Store, parser: str, shard: str) -> bytes | None:
    """What was written; None if there is nothing, or if a single bit of it is not as written."""
    manifest = commit.find(store, texts_folder(parser), shard)
    entry = None if manifest is None else manifest.files.get(f"{shard}.facts")
    if entry is None:
        return None
    try:
        content = store.read(f"{texts_folder(parser)}/{shard}.facts")
    except FileNotFoundError:
        return None
    is_whole = len(content) == entry.bytes and f"{zlib.crc32(content):08x}" == entry.crc32
    return content if is_whole else None
