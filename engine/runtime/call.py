"""What travels between the scheduler and an actor: a call and its outcome.

Comes in: one batch of one column: rows of the image shard and, as msgpack, what the needed annotators said. Pixels
never travel: the actor reads the image bytes from the corpus itself. Goes out: an `Outcome`, the same for every
backend, so that the scheduler's bookkeeping does not know where a call ran. A call that killed its process:

    Outcome(call, kind="death", error="death: the process ended (exit code 139)")
"""

from dataclasses import dataclass, field, replace
from typing import Literal

import msgspec

from shards.finding import Finding
from shards.images import ImageRow

OutcomeKind = Literal["ok", "error", "oom", "timeout", "death", "item", "stop"]

pack_rows = msgspec.msgpack.Encoder().encode
unpack_rows = msgspec.msgpack.Decoder(list[ImageRow]).decode
pack_findings = msgspec.msgpack.Encoder().encode
unpack_findings = msgspec.msgpack.Decoder(list[Finding]).decode


@dataclass(frozen=True, eq=False)
class Call:
    """One batch. `rows`: msgpack of list[ImageRow]; `needs`: annotator -> msgpack of list[Finding] for each row.

    positions: where the rows stand in their shard; two calls of one group with equal (shard, positions) want the same
    decoded images. alone: nothing else may be queued on the actor that runs it, so that a death has one suspect.
    timeout_s: after it the actor is replaced; where longest_s is more, only if it does not work (uses no CPU) for as
    long, and after longest_s in any case."""

    id: int
    pool: str
    column: str
    shard: str
    positions: tuple[int, ...]
    rows: bytes
    needs: dict[str, list[bytes]]
    timeout_s: float
    alone: bool = False
    longest_s: float = 0.0


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of a call.

    ok: `findings`, msgpack of list[Finding] for each row. item: `items`, index in the batch -> reason, of the images
    that alone are to blame; the others have not run. stop: nothing can be done any more, and no image is to blame. All
    other kinds: `error`, one line without addresses or process
    ids (it is stored, and must be the same in every run); `detail` is for the log (traceback, process id)."""

    call: Call
    kind: OutcomeKind
    findings: list[bytes] = field(default_factory=list)
    items: dict[int, str] = field(default_factory=dict)
    error: str = ""
    detail: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, eq=False)
class CallReply:
    """An outcome as the actor sends it, without the call. kind "load": its stages could not be loaded."""

    kind: OutcomeKind | Literal["load"]
    findings: list[bytes] = field(default_factory=list)
    items: dict[int, str] = field(default_factory=dict)
    error: str = ""
    detail: str = ""
    seconds: float = 0.0


def pack_call(call: Call) -> bytes:
    """A call as it travels: Ray's own pickling of calls and replies was a fifth of what Ray takes for a call."""
    return _encoder.encode(call)


def unpack_call(data: bytes) -> Call:
    """The call again."""
    return _calls.decode(data)


def unpack_reply(data: bytes) -> CallReply:
    """The reply again."""
    return _replies.decode(data)


def pack_reply(reply: CallReply) -> bytes:
    """A reply as it travels. What an exception said may hold undecodable file names, which no UTF-8 can: escaped."""
    try:
        return _encoder.encode(reply)
    except UnicodeEncodeError:
        items = {index: _escaped(reason) for index, reason in reply.items.items()}
        return _encoder.encode(replace(reply, items=items, error=_escaped(reply.error), detail=_escaped(reply.detail)))


def _escaped(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


_encoder = msgspec.msgpack.Encoder()
_calls = msgspec.msgpack.Decoder(Call)
_replies = msgspec.msgpack.Decoder(CallReply)
