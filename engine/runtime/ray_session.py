"""The connection to Ray: a cluster by address, or one started on this machine for the duration of the run.

Ray talks much. Its logger is set to errors, worker output is not forwarded, and what its raylet would print into the
terminal goes to `log`; worker output of a local session is handed over when it ends (`worker_output`).
"""

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from engine.runtime.backend import StartError

LogEvent = Callable[[str, Mapping[str, object]], None]
ATTEMPTS = 3
START_WAIT_S = "60"
"""Ray's raylet ends itself when its agent, a Python process, is not up after 15 s: on a busy machine the first attempt
often fails and the next, with warm file caches, does not. `ray.init` would give up after 30 s of waiting."""
_MAGIC = (b":job_id:", b":actor_name:", b":task_name:")
_MAX_OUTPUT = 1 << 20  # of one worker: the end of its output


class RaySession:
    """Joins the Ray of this process if there is one, else a cluster by address (`address`, then RAY_ADDRESS), else
    starts Ray here. Only what was started here is shut down."""

    def __init__(self, address: str | None, log: LogEvent) -> None:
        self._address = address or os.environ.get("RAY_ADDRESS") or None
        self._log = log
        self._ours = False
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
        cpus = int(max(os.cpu_count() or 1, -(-min_cpus // 1))) if self.local else None
        for attempt in range(1, ATTEMPTS + 1):
            try:
                ray.init(
                    address="local" if self.local else self._address,
                    num_cpus=cpus,
                    include_dashboard=False if self.local else None,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                )
                break
            except Exception as error:  # ray.init raises bare Exception
                ray.shutdown()
                reason = " ".join(str(error).split())
                self._log("ray_start_failed", {"attempt": attempt, "why": reason})
                if attempt == ATTEMPTS or not self.local:
                    where = "on this machine" if self.local else f"at {self._address}"
                    hint = "small jobs run without it: --set engine.backend=local"
                    raise StartError(f"Ray did not start {where}: {reason}; {hint}") from error
        self._ours = True
        self._silence()

    def stop(self) -> None:
        """Leave the cluster; end it if it was started here."""
        if self._ours:
            import ray

            ray.shutdown()
            self._ours = False

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
