"""The settings of a command are the corpus's own as soon as it works with them, and no longer if it fails by them.

    fld annotate corpus --set annotators.det.specialist.weights=gone.pt      fails: corpus.yaml is what it was before
    fld annotate corpus --set engine.failure_budget=0                        stopped: the same settings go on

Kept where the work was stopped (a budget, a signal, the gate) and trying again goes on with it; put back where the
command fails, or else a value that cannot work would be in force for every verb from then on.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from engine.config.config import CORPUS_FILE, Config, save
from engine.corpus.memory import FILE as COLUMNS_FILE
from shards.errors import StoppedError
from shards.layout import IMAGES
from shards.seal import SEAL, broken, write_sealed
from shards.store import Store


@contextmanager
def settings_in_force(config: Config, store: Store) -> Iterator[None]:
    """`config` is the corpus's own from here on, unless what is done in here fails."""
    before = _content(store)
    save(config, store)
    try:
        yield
    except StoppedError:
        raise
    except Exception:  # whatever it is, a mistake of ours too: these settings have not worked. It goes on as it is.
        if before is not None:
            _put_back(store, before)
        raise


def _content(store: Store) -> bytes | None:
    """Of corpus.yaml; b"" where there is none; None for one that is damaged, which nothing goes back to."""
    try:
        data = store.read(CORPUS_FILE)
    except FileNotFoundError:
        return b""
    return None if broken(store, CORPUS_FILE, data) else data


def _put_back(store: Store, before: bytes) -> None:
    if before:
        if store.read(CORPUS_FILE) != before:
            write_sealed(store, CORPUS_FILE, before)
    elif not store.names(f"{IMAGES}/plan") and not store.names(f"{IMAGES}/manifest"):  # it never began: all of it goes
        for name in (CORPUS_FILE, COLUMNS_FILE):
            store.remove(name + SEAL)
            store.remove(name)
