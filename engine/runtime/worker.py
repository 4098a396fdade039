"""What an actor does with a call: read and decode the images, run the stage, hand back packed findings.

Comes in: a `Call`. Goes out: a `CallReply`; exceptions never leave this file. The same object runs inside a Ray actor
and in the local backend, and knows neither.
"""

import io
import math
import os
import threading
import time
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from numbers import Real

import msgspec
from PIL import Image as Pillow

from engine.runtime.call import Call, CallReply, pack_findings, unpack_findings, unpack_rows
from engine.runtime.column import ActorPool
from engine.runtime.faults import Failure, attempt
from shards.finding import GIVEN, SCORE_DECIMALS, Finding, rounded
from shards.images import ImageRow, read_image
from shards.store import Store
from specialists.roles import Image, ItemError
from stages.ingest.decode import decode_image
from stages.ingest.settings import DecodeLimits
from stages.stage import Item, Stage

ACCEPTED = DecodeLimits(max_pixels=1 << 40, max_bytes=1 << 40)
"""Ingest has checked every image against the corpus's own limits; here they are not judged a second time."""


def limit_process(num_cpus: float, num_gpus: float) -> None:
    """Make libraries that are imported from now on keep to what the actor reserved."""
    threads = str(max(1, int(num_cpus)))
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = threads
    if num_gpus == 0:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


@dataclass(eq=False)
class _Reading:
    """The images of a call on their way. images: None where one is still to come; parts: places of some of these, and
    the thread's answer."""

    rows: list[ImageRow]
    images: list[Image | Failure | None]
    parts: list[tuple[list[int], Future[list[Image | Failure]]]]

    def finished(self) -> list[Image | Failure]:
        """All of them, in the order of the call."""
        for places, part in self.parts:
            for place, image in zip(places, part.result(), strict=True):
                self.images[place] = image
        return [image for image in self.images if image is not None]


class Worker:
    """The stages of one pool and their decoded images."""

    def __init__(self, store: Store, pool: ActorPool, decode_threads: int, cache_bytes: int) -> None:
        self._store = store
        self._stages: dict[str, Stage] = {column.name: column.stage for column in pool.columns}
        self._decode_threads = decode_threads
        self._threads = ThreadPoolExecutor(decode_threads, thread_name_prefix="decode")
        # One annotator alone never asks for the same image twice.
        self._cache = ImageCache(cache_bytes if len(pool.columns) > 1 else 0)
        self._ahead: dict[int, _Reading] = {}
        self._most_ahead = max(2, pool.resources.in_flight)

    def load(self) -> CallReply:
        """Load every stage; kind "ok", or "load" with the reason why the run cannot go on."""
        start = time.perf_counter()
        _warm_up()
        for name, stage in self._stages.items():
            result = attempt(stage.load)
            if isinstance(result, Failure):
                return CallReply("load", error=f"annotator {name}: {result.error}", detail=result.detail)
        return CallReply("ok", seconds=time.perf_counter() - start)

    def read_ahead(self, call: Call) -> None:
        """Begin to read and decode the images of a call that is to run soon, once, while another runs. They are held
        until then, unless as many calls as may be in flight come after it. Safe in any thread."""
        if call.id in self._ahead:
            return
        reading = attempt(lambda: self._begin(call))
        if not isinstance(reading, Failure):  # else `run` will say it
            self._ahead[call.id] = reading
        for forgotten in list(self._ahead)[: -self._most_ahead]:
            self._ahead.pop(forgotten, None)

    def run(self, call: Call) -> CallReply:
        """Every image of the call, or the reason why not. Never raises."""
        start = time.perf_counter()
        answer = attempt(lambda: self._answer(call))
        if isinstance(answer, Failure):
            answer = _answer_of(answer, len(call.positions))
        return replace(answer, seconds=time.perf_counter() - start)

    def close(self) -> None:
        """Release what the stages hold."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for stage in self._stages.values():
            stage.close()

    def _answer(self, call: Call) -> CallReply:
        reading = self._ahead.pop(call.id, None) or self._begin(call)
        rows, images = reading.rows, reading.finished()
        unread = {index: image for index, image in enumerate(images) if isinstance(image, Failure)}
        if unread:
            detail = "\n".join(failure.detail for failure in unread.values())
            return CallReply(
                "item", items={i: f"read: {failure.error}" for i, failure in unread.items()}, detail=detail
            )
        items = [
            Item(row.key, image, _findings(call, index, row))
            for index, (row, image) in enumerate(zip(rows, images, strict=True))
            if not isinstance(image, Failure)
        ]
        findings = self._stages[call.column].run(items)
        if len(findings) != len(items):
            raise ValueError(f"stage of {call.column} must give {len(items)} lists of findings, gave {len(findings)}")
        return CallReply("ok", findings=[_packed(own, call.column, place) for place, own in enumerate(findings)])

    def _begin(self, call: Call) -> _Reading:
        """Deal the images that are not at hand out to the threads in one go: a task per image would cost as much as
        decoding a small one."""
        rows = unpack_rows(call.rows)
        images: list[Image | Failure | None] = [self._cache.get((call.shard, position)) for position in call.positions]
        missing = [place for place, image in enumerate(images) if image is None]

        def read(places: list[int]) -> list[Image | Failure]:
            return [self._image(call.shard, call.positions[place], rows[place]) for place in places]

        shares = [missing[first :: self._decode_threads] for first in range(min(self._decode_threads, len(missing)))]
        return _Reading(rows, images, [(places, self._threads.submit(read, places)) for places in shares])

    def _image(self, shard: str, position: int, row: ImageRow) -> Image | Failure:
        known = self._cache.get((shard, position))  # another annotator of the group may have asked meanwhile
        if known is not None:
            return known
        image = attempt(lambda: decode_image(read_image(self._store, shard, row), ACCEPTED))
        if not isinstance(image, Failure):
            self._cache.put((shard, position), image)
        return image


class ImageCache:
    """The most recently decoded images, by (shard, position), up to a number of bytes. Safe in several threads."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._lock = threading.Lock()
        self._images: OrderedDict[tuple[str, int], Image] = OrderedDict()

    def get(self, at: tuple[str, int]) -> Image | None:
        """The image, if it is still here."""
        with self._lock:
            return self._images.get(at)

    def put(self, at: tuple[str, int], image: Image) -> None:
        """Keep the image and let the oldest go."""
        with self._lock:
            if image.nbytes > self._max_bytes or self._images.setdefault(at, image) is not image:
                return
            self._bytes += image.nbytes
            while self._bytes > self._max_bytes:
                _, oldest = self._images.popitem(last=False)
                self._bytes -= oldest.nbytes


def _warm_up() -> None:
    """Decode one picture: what Pillow imports for it should not count towards the first call's deadline."""
    data = io.BytesIO()
    Pillow.new("RGB", (8, 8)).save(data, "JPEG")
    decode_image(data.getvalue(), ACCEPTED)


def _answer_of(failure: Failure, size: int) -> CallReply:
    if failure.kind != "item":
        return CallReply(failure.kind, error=failure.error, detail=failure.detail)
    if not 0 <= failure.index < size:  # a stage that blames an image it was not given is itself to blame
        return CallReply(
            "error", error=f"error: ItemError: index {failure.index} in a batch of {size}", detail=failure.detail
        )
    return CallReply("item", items={failure.index: failure.error}, detail=failure.detail)


def _findings(call: Call, index: int, row: ImageRow) -> dict[str, list[Finding]]:
    findings = {name: unpack_findings(packed[index]) for name, packed in call.needs.items()}
    if row.given:
        findings[GIVEN] = list(row.given)
    return findings


def _packed(findings: list[Finding], annotator: str, place: int) -> bytes:
    """The findings of one image as they travel, rounded as they are stored. Raises ItemError, which names annotator,
    field and value, for one that no column can hold and no filter compare: it fails this image, and not the run."""
    for number, finding in enumerate(findings):
        if reason := _unsound(finding):
            raise ItemError(place, f"{annotator}, finding {number}: {reason}")
    try:
        packed = pack_findings([rounded(finding) for finding in findings])
        unpack_findings(packed)
    except (msgspec.DecodeError, TypeError, ValueError) as error:
        raise ItemError(place, f"{annotator}: a finding of a wrong type: {error}") from error
    return packed


def _unsound(finding: Finding) -> str:
    """The first field that is no number where one is wanted, or a score outside [0, 1] at the decimals of the store."""
    for name in ("score", "phrase_score"):
        score = getattr(finding, name, None)
        if score is not None and not (isinstance(score, Real) and 0 <= round(float(score), SCORE_DECIMALS) <= 1):
            got = round(float(score), SCORE_DECIMALS) if isinstance(score, Real) else repr(score)
            return f"{name} must be a number in [0, 1], got {got}"
    for name in ("box", "quad", "polygons"):
        value = getattr(finding, name, None) or ()
        try:
            finite = all(map(math.isfinite, chain(*value) if name == "polygons" else value))
        except TypeError:
            finite = False
        if not finite:
            return f"{name} must hold finite numbers, got {value}"
    return ""
