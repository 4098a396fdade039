"""Look into a corpus in the browser, from this machine or through a tunnel.

viewer = open_viewer("corpus")
viewer.address                    "http://localhost:41327/<secret>/?round=1"
viewer.serve()                    until Ctrl-C
"""

import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import yaml

from engine.api.reports import Location, Tell, untold
from engine.config.config_text import ConfigError
from shards.overview import complete_overview, find_overview
from shards.reader import Corpus
from shards.store import Store, open_corpus

if TYPE_CHECKING:
    from uvicorn import Server

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Viewer:
    """A viewer that listens. address: what to open; it has a secret in it, who has it can look. serve it to answer."""

    address: str
    port: int
    _server: "Server" = field(repr=False)
    _listener: socket.socket = field(repr=False)

    def serve(self) -> None:
        """Answer until Ctrl-C."""
        with suppress(KeyboardInterrupt):  # that is how it ends
            self._server.run(sockets=[self._listener])


def open_viewer(corpus: Location, *, round: int | None = None, port: int = 0, tell: Tell = untold) -> Viewer:
    """A viewer of a corpus, for this machine alone. round: the one to begin with, by default the last; port: 0 takes a
    free one. tell: called with lines about an overview that is made first. Raises ConfigError if there is no round, or
    the extra `viewer` is not installed."""
    try:
        import uvicorn

        from engine.view.app import build_app
    except ImportError as error:
        raise ConfigError(f"fld view needs {error.name}: pip install 'fld-engine[viewer]'") from error
    store = open_corpus(str(corpus))
    numbers = Corpus(store).rounds()
    if not numbers:
        raise ConfigError(f"{corpus} has no round yet: `fld run IMAGES {corpus}` writes one")
    if round is not None and round not in numbers:
        raise ConfigError(f"{corpus} has no round {round}: it has {numbers}")
    shown = numbers[-1] if round is None else round
    prepare(store, shown, tell)
    token = secrets.token_urlsafe(18)
    listener = listen(port)
    app = build_app(store, str(corpus), token, roles(store))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off"))
    port = listener.getsockname()[1]
    return Viewer(f"http://localhost:{port}/{token}/?round={shown}", port, server, listener)


def prepare(store: Store, number: int, tell: Tell = untold) -> None:
    """Make the overview of a round that an older release wrote. It is kept in the corpus if nobody else works on it and
    it can be written to; made in memory otherwise, when it is opened."""
    from engine.runtime.lock import CorpusLockedError, corpus_lock

    if find_overview(store, number) is not None:
        return
    tell(f"Round {number} has no overview yet: it is made once.")
    try:
        with corpus_lock(store, "fld view"):
            complete_overview(store, number, _progress(tell))
    except (CorpusLockedError, OSError) as error:
        tell(f"It is made in memory, as the corpus cannot be written to now: {error}")


def listen(port: int) -> socket.socket:
    """A socket on this machine alone. Raises ConfigError if the port is taken."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise ConfigError(f"port {port} cannot be used: {error.strerror}; port 0 takes a free one") from error
    listener.listen(128)
    return listener


def roles(store: Store) -> dict[str, str]:
    """Role of each annotator by name, from the settings of the corpus, read as plain data; {} where they cannot be."""
    try:
        found = yaml.safe_load(store.read("corpus.yaml"))
        annotators = found["annotators"]
        return {str(name): str(settings["role"]) for name, settings in annotators.items()}
    except (FileNotFoundError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        return {}


def _progress(tell: Tell) -> Callable[[int, int], None]:
    """A line at every tenth."""

    def told(done: int, of: int) -> None:
        if done * 10 // of != (done - 1) * 10 // of:
            tell(f"  {done:,} of {of:,} shards")

    return told
