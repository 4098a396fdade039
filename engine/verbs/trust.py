"""`fld trust`: settings of a corpus that can run code or send secrets become this user's, as they are now."""

from engine.config.config import load
from engine.console.terminal import out
from engine.corpus.trust import remember, risks
from shards.completeness import check_corpus
from shards.store import open_store


def trust(corpus: str) -> None:
    """Remember, outside the corpus, that these settings may be put to work, and print them."""
    store = open_store(corpus)
    check_corpus(store, may_be_new=False)
    found = risks(load(None, [], store), store)
    for each in found:
        out.print(f"trusted: {each.path} = {each.value} {each.why}")
    if found:
        remember(store, [each.digest for each in found])
    else:
        out.print("nothing to trust: no setting of this corpus runs code or sends secrets")
