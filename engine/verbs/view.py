"""`fld view`: look into a corpus in the browser, from this machine or through a tunnel."""

import secrets
import socket
from collections.abc import Callable
from contextlib import suppress

import yaml

from engine.config.config_text import ConfigError
from engine.console.terminal import err, out
from shards.overview import complete_overview, find_overview
from shards.reader import Corpus
from shards.store import Store, open_store

HOST = "127.0.0.1"


def view(corpus: str, number: int | None, port: int) -> None:
    """Serve the viewer until it is interrupted. port: 0 takes a free one. Raises ConfigError if there is no round, or
    the extra that it needs is not installed."""
    try:
        import uvicorn

        from engine.view.app import build_app
    except ImportError as error:
        raise ConfigError(f"fld view needs {error.name}: pip install 'fld-engine[viewer]'") from error
    store = open_store(corpus)
    numbers = Corpus(store).rounds()
    if not numbers:
        raise ConfigError(f"{corpus} has no round yet: `fld run IMAGES {corpus}` writes one")
    if number is not None and number not in numbers:
        raise ConfigError(f"{corpus} has no round {number}: it has {numbers}")
    shown = numbers[-1] if number is None else number
    prepare(store, shown)
    token = secrets.token_urlsafe(18)
    listener = listen(port)
    out.print("\n".join(addresses(listener.getsockname()[1], token, shown)), soft_wrap=True)
    config = uvicorn.Config(
        build_app(store, corpus, token, roles(store)), log_level="warning", access_log=False, lifespan="off"
    )
    with suppress(KeyboardInterrupt):  # that is how it ends
        uvicorn.Server(config).run(sockets=[listener])


def prepare(store: Store, number: int) -> None:
    """Make the overview of a round that an older release wrote. It is kept in the corpus if nobody else works on it and
    it can be written to; made in memory otherwise, when it is opened."""
    from engine.runtime.lock import CorpusLockedError, corpus_lock

    if find_overview(store, number) is not None:
        return
    err.print(f"Round {number} has no overview yet: it is made once.")
    try:
        with corpus_lock(store, "fld view"):
            complete_overview(store, number, _progress())
    except (CorpusLockedError, OSError) as error:
        err.print(f"It is made in memory, as the corpus cannot be written to now: {error}")


def listen(port: int) -> socket.socket:
    """A socket on this machine alone. Raises ConfigError if the port is taken."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise ConfigError(f"port {port} cannot be used: {error.strerror}; --port 0 takes a free one") from error
    listener.listen(128)
    return listener


def addresses(port: int, token: str, number: int) -> list[str]:
    """What to open, and how from another machine."""
    return [
        f"Open  http://localhost:{port}/{token}/?round={number}",
        f"From another machine, first:  ssh -N -L {port}:{HOST}:{port} {socket.gethostname()}",
        "The address has a secret in it: who has it can look. Ctrl-C ends the viewer.",
    ]


def roles(store: Store) -> dict[str, str]:
    """Role of each annotator by name, from the settings of the corpus, read as plain data; {} where they cannot be."""
    try:
        found = yaml.safe_load(store.read("corpus.yaml"))
        annotators = found["annotators"]
        return {str(name): str(settings["role"]) for name, settings in annotators.items()}
    except (FileNotFoundError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        return {}


def _progress() -> Callable[[int, int], None]:
    """A line on stderr at every tenth."""

    def told(done: int, of: int) -> None:
        if done * 10 // of != (done - 1) * 10 // of:
            err.print(f"  {done:,} of {of:,} shards")

    return told
