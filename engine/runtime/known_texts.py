"""A parser that reads no text twice: not in this process, and not in a shard, whatever the round.

Comes in: texts. Goes out: what `filters.parser.Parser` says about them, which depends on nothing but the text, the
pipeline and the rules. Captions repeat, and every round and every changed threshold judges those of the rounds before
again; parsing is nearly all that judging a text costs. Known are

    the last MAX_RECENT texts of this process, whatever the shard
    those of the shard when it was last written, in `texts/<parser>/000000.facts`: rows of
        16 bytes, BLAKE2b of the text    ParsedText

as MessagePack, by rising hash. <parser> is a hash of the pipeline and of the source of the rules, so other rules never
find what these wrote.
"""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from filters import chunks, features, parser
from filters.parser import ParsedText
from shards.store import Store
from shards.text_facts import read_facts, write_facts
from stages.round import TextParser

MAX_RECENT = 50_000
"""Texts that a process remembers, some 1 kB each."""
_Facts = dict[bytes, ParsedText]
_decoder = msgspec.msgpack.Decoder(list[tuple[bytes, ParsedText]])


class KnownTexts:
    """What one process remembers. load: the parser, called with the first text that is not known; fingerprint: its."""

    def __init__(
        self,
        store: Store,
        fingerprint: Mapping[str, str],
        load: Callable[[], TextParser],
        max_recent: int = MAX_RECENT,
    ) -> None:
        self._store = store
        self._fingerprint = dict(fingerprint)
        self._load = load
        self._max_recent = max_recent
        self._recent: _Facts = {}
        self._parser = _rules_hash(self._fingerprint)

    def of(self, shard: str) -> "ShardTexts":
        """The parser for one shard."""
        return ShardTexts(self, shard, self._read(shard))

    def fingerprint(self) -> dict[str, str]:
        """The parser's own."""
        return self._fingerprint

    def parse(self, texts: Mapping[bytes, str]) -> _Facts:
        """What is known of these texts by their digests, the others read."""
        new = [digest for digest in texts if digest not in self._recent]
        read = dict(zip(new, self._load().parse([texts[digest] for digest in new]), strict=True)) if new else {}
        found = {digest: read[digest] if digest in read else self._recent[digest] for digest in texts}
        self._recent |= read
        for oldest in list(self._recent)[: max(0, len(self._recent) - self._max_recent)]:
            del self._recent[oldest]
        return found

    def write(self, shard: str, facts: _Facts) -> None:
        """Replace what is kept of a shard."""
        write_facts(self._store, self._parser, shard, msgspec.msgpack.encode(sorted(facts.items())))

    def _read(self, shard: str) -> _Facts:
        content = read_facts(self._store, self._parser, shard)
        try:
            return {} if content is None else dict(_decoder.decode(content))
        except msgspec.DecodeError:
            return {}  # not of this code: a copy that somebody made


class ShardTexts:
    """See `stages.round.TextParser`: the parser of one shard."""

    def __init__(self, known: KnownTexts, shard: str, facts: _Facts) -> None:
        self._known = known
        self._shard = shard
        self._facts = facts
        self._is_new = False

    def parse(self, texts: list[str]) -> list[ParsedText]:
        """One ParsedText per text, same order."""
        digests = [_digest(text) for text in texts]
        new = {digest: text for digest, text in zip(digests, texts, strict=True) if digest not in self._facts}
        if new:
            self._facts |= self._known.parse(new)
            self._is_new = True
        return [self._facts[digest] for digest in digests]

    def fingerprint(self) -> dict[str, str]:
        """The parser's own."""
        return self._known.fingerprint()

    def keep(self) -> None:
        """Write down what was read here for the first time."""
        if self._is_new:
            self._known.write(self._shard, self._facts)
            self._is_new = False


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _rules_hash(fingerprint: Mapping[str, str]) -> str:
    """Of the pipeline, and of the files whose code turns its parse into facts: nobody has to remember a number."""
    digest = hashlib.sha256(msgspec.json.encode(fingerprint, order="deterministic"))
    for module in (parser, features, chunks):
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()[:12]
