"""Settings of a corpus that can run code or send secrets become this user's, as they are now (docs/security.md)."""

from engine.api.reports import Location
from engine.config.config import load
from engine.corpus.trust import Risk, remember, risks
from shards.completeness import check_corpus
from shards.store import open_corpus


def trust(corpus: Location) -> list[Risk]:
    """Remember, outside the corpus, that these settings may be put to work: what they are, and what each can do."""
    store = open_corpus(str(corpus))
    check_corpus(store, may_be_new=False)
    trusted = risks(load(None, [], store), store)
    if trusted:
        remember(store, [risk.digest for risk in trusted])
    return trusted
