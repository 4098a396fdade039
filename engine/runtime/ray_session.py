"""The connection to Ray: a cluster by address, or one started on this machine for the duration of the run.

Ray talks much. Its logger is set to errors, worker output is not forwarded, and what its raylet would print into the
terminal goes to `log`; worker output of a local session is handed over when it ends (`worker_output`).
"""

import logging
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from engine.console.signals import kept_handlers
from engine.runtime.backend import StartError
from engine.runtime.ray_marks import SessionMark, remove_stale

LogEvent = Callable[[str, Mapping[str, object]], None]
ATTEMPTS = 3
START_WAIT_S = "60"
"""Ray's raylet ends itself when its agent, a Python process, is not up after 15 s: on a busy machine the first attempt
often fails and the next, with warm file caches, does not. `ray.init` would give up after 30 s of waiting."""
_MAGIC = (b":job_id:", b":actor_name:", b":task_name:")
CONNECT_S = 10.0
"""A cluster that does not answer in this time is not there; `ray.init` would wait for minutes."""
TOKEN = "RAY_AUTH_TOKEN"
_PATH_MAX = 107
_BELOW_TEMP = len("/ray/session_2026-01-31_12-00-00_123456_1234567/sockets/plasma_store")
_MAX_OUTPUT = 1 << 20  # of one worker: the end of its output


class RaySession:
    """Joins the Ray of this process if there is one, else a cluster by address (`address`, then RAY_ADDRESS), else
    starts Ray here. Only what was started here is shut down."""

    def __init__(self, address: str | None, log: LogEvent) -> None:
        self._address = address or os.environ.get("RAY_ADDRESS") or None
        self._log = log
        self._ours = False
        self._mark: SessionMark | None = None
        self.local = False

    def start(self, min_cpus: float) -> None:
        """min_cpus: CPUs that all pools together need for their first actors. On one machine they are promised even
        if it has fewer cores: its annotators then share them, rather than wait for each other for ever."""
        os.environ.setdefault("RAY_raylet_start_wait_time_s", START_WAIT_S)
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # the actor hides GPUs itself; no warning
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        import ray

        if ray.is_initialized():
            self._silence()
            return
        self.local = self._address in (None, "local")
        if self.local:
            check_place(_temp())
            remove_stale(_temp())
            self._mark = SessionMark(_temp())
            _bring_token()
        else:
            _check_address(str(self._address))
        cpus = int(max(os.cpu_count() or 1, -(-min_cpus // 1))) if self.local else None
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._init(cpus)
                break
            except Exception as error:  # of a node that does not come up Ray says `raise Exception(...)`
                reason = " ".join(str(error).split())
                self._log("ray_start_failed", {"attempt": attempt, "why": reason})
                if attempt == ATTEMPTS or not self.local:
                    self._unmark()
                    where = "on this machine" if self.local else f"at {self._address}"
                    hint = "small jobs run without it: --set engine.backend=local"
                    raise StartError(f"Ray did not start {where}: {reason}; {hint}") from error
        self._ours = True
        self._silence()
        if self._mark is not None and (session := self._session_folder()) is not None:
            self._mark.name(session)

    def _init(self, cpus: int | None) -> None:
        """ray.init; where it fails, or the run is ended meanwhile, nothing of it stays."""
        import ray

        is_up = False
        try:
            with kept_handlers():
                ray.init(
                    address="local" if self.local else self._address,
                    num_cpus=cpus,
                    include_dashboard=False if self.local else None,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                )
            is_up = True
        finally:
            if not is_up:
                ray.shutdown()
                for started in (_temp() / "ray").glob(f"session_*_{os.getpid()}"):
                    shutil.rmtree(started, ignore_errors=True)

    def stop(self) -> None:
        """Leave the cluster; end it if it was started here."""
        if self._ours:
            import ray

            session = self._session_folder()
            ray.shutdown()
            self._ours = False
            if session is not None:
                shutil.rmtree(session, ignore_errors=True)  # its logs are in ours (`worker_output`)
        self._unmark()

    def _unmark(self) -> None:
        if self._mark is not None:
            self._mark.remove()
            self._mark = None

    def _session_folder(self) -> Path | None:
        """Where a Ray that was started here keeps its sockets and logs, tens of megabytes per run."""
        from ray._private.worker import global_worker

        node = global_worker.node if self.local else None
        return None if node is None else Path(node.get_session_dir_path())

    def worker_output(self) -> bytes:
        """What the workers of a session started here wrote to stdout and stderr, worker by worker."""
        if not (self._ours and self.local):
            return b""
        from ray._private.worker import global_worker

        if global_worker.node is None:
            return b""
        logs = Path(global_worker.node.get_logs_dir_path())
        parts: list[bytes] = []
        for file in sorted([*logs.glob("worker-*.out"), *logs.glob("worker-*.err")]):
            lines = [line for line in file.read_bytes()[-_MAX_OUTPUT:].splitlines() if not line.startswith(_MAGIC)]
            if lines:
                parts += [f"== {file.name}".encode(), *lines]
        return b"\n".join([*parts, b""]) if parts else b""

    def _silence(self) -> None:
        """Ray prints messages of its raylet ("A worker died ...") to stdout even with log_to_driver=False."""
        from ray._private import worker

        def keep(data: dict[str, object], *_: object, **__: object) -> None:
            self._log("ray", {"lines": data.get("lines", [])})

        if hasattr(worker, "print_to_stdstream"):
            worker.print_to_stdstream = keep


def _check_address(address: str) -> None:
    """Raise StartError if nobody listens at host:port or ray://host:port."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not host or not port.isdecimal():
        return  # "auto", or a name that only Ray knows
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S).close()
    except (OSError, OverflowError) as error:
        raise StartError(
            f"no Ray answers at {address} (engine.address, else RAY_ADDRESS): {error}; start it there, unset"
            " RAY_ADDRESS to run on this machine, or --set engine.backend=local"
        ) from error


def _bring_token() -> None:
    """Ray guards a session on one machine with a token that it writes into the home folder, which need not be writable.
    Where there is none yet, a token for the sessions of this process alone is given to theirs."""
    known = [f"{TOKEN}_PATH", TOKEN, "RAY_AUTH_MODE"]
    if not any(name in os.environ for name in known) and not os.path.exists(os.path.expanduser("~/.ray/auth_token")):
        os.environ[TOKEN] = secrets.token_hex(32)


def _temp() -> Path:
    """Below it Ray makes its folder `ray`."""
    return Path(os.environ.get("RAY_TMPDIR") or tempfile.gettempdir())


def check_place(folder: Path) -> None:
    """Raise StartError where Ray's sockets would have names that are too long, or where it may not write."""
    if len(str(folder)) + _BELOW_TEMP > _PATH_MAX:
        raise StartError(
            f"Ray cannot start below {folder}: the names of its sockets would be longer than {_PATH_MAX} bytes; set"
            " RAY_TMPDIR (or TMPDIR) to a short folder such as /tmp"
        )
    inner = folder / "ray" if (folder / "ray").exists() else folder
    if not os.access(inner, os.W_OK | os.X_OK):
        raise StartError(
            f"Ray cannot start: the folder {inner} is not there, or not yours to write; set RAY_TMPDIR to a short"
            " folder of your own, or --set engine.backend=local"
        )
