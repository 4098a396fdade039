"""Images to examine, over worker processes: in order, each with a deadline, none able to stop the others.

Comes in: jobs in the order of the shard. Goes out: their outcomes in the same order, whatever the number of workers.

An image that takes too long (a picture made to be slow, a disk that hangs) or that crashes its worker fails, with the
reason in its row. Its worker is killed, and the other images that were in it are examined again; after a crash one by
one, so that the one that does it is known.
"""

import os
import selectors
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from shards.errors import StoppedError
from stages.ingest.entry import Entry
from stages.ingest.examine import Examined, failed
from stages.ingest.fetch import MAX_WAIT_S
from stages.ingest.frames import Done, Examination, Fetched, Ready, Setup
from stages.ingest.process import WorkerProcess
from stages.ingest.settings import FetchSettings, IngestSettings

WORKER = (sys.executable, "-m", "stages.ingest.worker")
START_S = 120.0
"""Longest wait for a process to begin."""


class ImageSource(NamedTuple):
    """An image to examine. known: its bytes, where the corpus has them already."""

    entry: Entry
    known: bytes | None = None


class ImageExaminer(Protocol):
    """Examines images in order."""

    def examine_all(self, images: Iterator[ImageSource]) -> Iterator[Examined]:
        """One outcome per image, same order. Only so many are taken ahead as fit in memory."""
        ...

    def close(self) -> None: ...


class WorkerError(StoppedError):
    """Workers cannot run on this machine at all."""


class _Flight:
    """An image in a worker: since when it is in its phase (fetch | decode), in seconds."""

    def __init__(self, id: int, image: ImageSource) -> None:
        self.id = id
        self.image = image
        self.phase = "fetch"
        self.since = time.monotonic()

    def fetched(self) -> None:
        self.phase, self.since = "decode", time.monotonic()


class _Worker:
    """A process and what is in it."""

    def __init__(self, command: Sequence[str], setup: Setup) -> None:
        self.flights: dict[int, _Flight] = {}
        self.alone = False
        self.ready = False
        self.process = WorkerProcess(command, setup)

    def start(self, flight: _Flight) -> None:
        flight.phase, flight.since = "fetch", time.monotonic()
        self.flights[flight.id] = flight
        known = flight.image.known
        self.process.send(Examination(flight.id, flight.image.entry, known is not None), known or b"")

    def receive(self) -> list[tuple[Done, bytes]] | None:
        """What is finished; None when the process has ended."""
        frames = self.process.receive()
        if frames is None:
            return None
        done: list[tuple[Done, bytes]] = []
        for message, content in frames:
            if isinstance(message, Ready):
                self.ready = True
                for flight in self.flights.values():
                    flight.since = time.monotonic()
            elif isinstance(message, Fetched):
                self.flights[message.id].fetched()
            elif isinstance(message, Done):
                done.append((message, content))
        return done

    def limit_s(self, flight: _Flight, settings: IngestSettings) -> float:
        if not self.ready:
            return START_S
        return settings.deadline_s if flight.phase == "decode" else fetch_limit_s(settings.fetch)


def fetch_limit_s(fetch: FetchSettings) -> float:
    """How long all attempts to fetch one image may take, with the waits between them."""
    return (fetch.retries + 1) * fetch.timeout_s + fetch.retries * MAX_WAIT_S + 10


class Workers:
    """A pool of worker processes, started when there is something to do. settings.workers images are in work at a
    time. sources: see `Fetcher`. command: for tests."""

    def __init__(self, settings: IngestSettings, sources: Sequence[str], command: Sequence[str] = WORKER) -> None:
        self._settings = settings
        self._count, self._threads = shares(settings)
        self._setup = Setup(settings.model_dump_json(), list(sources), self._threads)
        self._command = command
        self._workers: list[_Worker] = []
        self._selector = selectors.DefaultSelector()
        self._waiting: deque[_Flight] = deque()
        self._suspects: deque[_Flight] = deque()
        self._finished: dict[int, Examined] = {}

    def examine_all(self, images: Iterator[ImageSource]) -> Iterator[Examined]:
        taken = given = 0
        most = 2 * self._count * self._threads
        more = True
        while True:
            while more and taken - given < most:
                image = next(images, None)
                more = image is not None
                if image is not None:
                    self._waiting.append(_Flight(taken, image))
                    taken += 1
            self._hand_out()
            while given in self._finished:
                yield self._finished.pop(given)
                given += 1
            if not more and given == taken:
                return
            if not more or taken - given == most:
                self._wait()

    def close(self) -> None:
        """Kill all workers; they have nothing to lose."""
        while self._workers:
            self._remove(self._workers[0])
        self._selector.close()

    def _hand_out(self) -> None:
        for worker in self._workers:
            worker.alone = worker.alone and bool(worker.flights)
        while self._suspects:
            idle = next((worker for worker in self._workers if not worker.flights), None) or self._new_worker()
            if idle is None:
                break
            idle.alone = True
            idle.start(self._suspects.popleft())
        while self._waiting:
            free = self._freest()
            if free is None:
                return
            free.start(self._waiting.popleft())

    def _freest(self) -> _Worker | None:
        """The worker with the fewest images; a new one if all that run are full, for a few images are not worth it."""
        free = [worker for worker in self._workers if not worker.alone and len(worker.flights) < self._threads]
        return min(free, key=lambda worker: len(worker.flights), default=None) or self._new_worker()

    def _new_worker(self) -> _Worker | None:
        if len(self._workers) == self._count:
            return None
        worker = _Worker(self._command, self._setup)
        self._workers.append(worker)
        self._selector.register(worker.process.output, selectors.EVENT_READ, worker)
        return worker

    def _wait(self) -> None:
        """Until something is finished, or overdue."""
        now = time.monotonic()
        due = [
            flight.since + worker.limit_s(flight, self._settings) - now
            for worker in self._workers
            for flight in worker.flights.values()
        ]
        heard: list[_Worker] = [key.data for key, _ in self._selector.select(max(0.0, min(due, default=1.0)))]
        for worker in heard:
            done = worker.receive()
            if done is None:
                self._crashed(worker)
                continue
            for message, data in done:
                del worker.flights[message.id]
                ok = message.row.status == "ok"
                self._finished[message.id] = Examined(message.row, data if ok else None, message.outside)
        for worker in [worker for worker in self._workers if worker not in heard]:
            self._stop_overdue(worker)

    def _crashed(self, worker: _Worker) -> None:
        flights = list(worker.flights.values())
        how = self._remove(worker)
        self._check_start(worker, how)
        if len(flights) > 1:
            self._suspects.extend(flights)
        for flight in flights if len(flights) == 1 else []:
            self._fail(flight, f"crashed: its process ended: {how}")

    def _stop_overdue(self, worker: _Worker) -> None:
        now = time.monotonic()
        overdue = [
            flight for flight in worker.flights.values() if now > flight.since + worker.limit_s(flight, self._settings)
        ]
        if not overdue:
            return
        others = [flight for flight in worker.flights.values() if flight not in overdue]
        self._check_start(worker, self._remove(worker))
        self._waiting.extendleft(reversed(others))
        slow = f"too_slow: longer than {self._settings.deadline_s:g} s (ingest.deadline_s)"
        for flight in overdue:
            self._fail(flight, slow if flight.phase == "decode" else "timeout: its place does not answer")

    def _check_start(self, worker: _Worker, how: str) -> None:
        """A worker that never began is nobody's fault among the images."""
        if not worker.ready:
            raise WorkerError(f"the processes of ingest do not start here: {how}")

    def _fail(self, flight: _Flight, error: str) -> None:
        self._finished[flight.id] = Examined(failed(flight.image.entry, flight.phase, error), None)

    def _remove(self, worker: _Worker) -> str:
        self._selector.unregister(worker.process.output)
        self._workers.remove(worker)
        return worker.process.end()


def shares(settings: IngestSettings) -> tuple[int, int]:
    """How many processes, and how many images each works at."""
    at_a_time = settings.workers or 2 * available_cores()
    count = min(settings.processes or available_cores(), at_a_time)
    return count, -(-at_a_time // count)


def available_cores() -> int:
    """Cores that this process may use; containers and schedulers give fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
