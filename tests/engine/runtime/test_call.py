"""Calls and replies as they travel."""

from dataclasses import asdict

from engine.runtime.call import Call, CallReply, pack_call, pack_reply, unpack_call, unpack_reply


def test_a_call_and_its_reply_arrive_as_they_were_sent() -> None:
    call = Call(7, "group a", "boxes", "000003", (0, 2, 5), b"\x93", {"words": [b"\x90", b""]}, 2.5, alone=True)
    assert asdict(unpack_call(pack_call(call))) == asdict(call)
    reply = CallReply("item", [b"\x90"], {0: "read: gone", 3: "nan"}, "error", "Traceback", 0.25)
    assert asdict(unpack_reply(pack_reply(reply))) == asdict(reply)


def test_what_no_utf8_can_hold_is_escaped_in_the_words_of_a_failure() -> None:
    odd = "no such file: caf\udce9.jpg"
    reply = unpack_reply(pack_reply(CallReply("item", items={1: odd}, error=odd, detail=odd)))
    assert {reply.items[1], reply.error, reply.detail} == {"no such file: caf\\udce9.jpg"}
