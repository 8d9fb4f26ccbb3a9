"""What becomes of a call whose leg has failed: it is sent again where that cannot do harm, or its client is told.

Three kinds of failure, and what each may cost (docs/architecture.md has them as a table):

- *Turned away*: nothing was sent, the stream was refused, or a GOAWAY says that it was never processed. The endpoint
  has done nothing for it, so it costs no budget (gRPC's A6 exempts such "transparent retries" from throttling too);
  what bounds it is that a connection which refuses gets less (`splitter.upstream`), and `MAX_TURNED_AWAY`.
- *Perhaps processed*: only for methods that are safe to run twice, at most `MAX_ATTEMPTS` in all, within the budget.
- *Suspicious*: the connection ended through an error of the protocol, and the call may be its cause. It is sent
  once more, whatever it is, so that it cannot end connection after connection.
"""

from typing import TYPE_CHECKING, Final, cast

from mesh import contract
from mesh.http2 import frames
from splitter import answers
from splitter.ejection import FAILED
from splitter.kept import KEPT_LIMIT

if TYPE_CHECKING:
    from splitter.call import Call
    from splitter.leg import Leg

MAX_ATTEMPTS: Final = 3
MAX_TURNED_AWAY: Final = 8
"""With the pauses of a connection that refuses: more than a second for an endpoint that was only full."""


def on_reset(call: "Call", leg: "Leg", code: int) -> None:
    """The endpoint reset the stream, or never processed it."""
    if call.done:  # the response is complete: a client that still sends may stop
        call.send_reset(frames.NO_ERROR)
        return
    status = answers.reset_code(code)
    if code == frames.REFUSED_STREAM and not call.responded:
        connection = leg.upstream
        if connection.suspicious:
            taken = _resend(call, status, "goaway", again=True, suspicious=True)
        elif connection.leaving:
            taken = _resend(call, status, "goaway", again=True, free=True)
        else:
            connection.refused()
            taken = _resend(call, status, "refused", again=True, free=True)
        if not taken:
            answers.answer(call, answers.UNAVAILABLE, _why_not_again(call, leg))
            call.finish(status)
        return
    if status in FAILED and code != frames.REFUSED_STREAM:
        call.pool.note(failed=True, began=call.started)
    call.send_reset(code)
    call.finish(status)


def _why_not_again(call: "Call", leg: "Leg") -> str:
    """What the client of a call is told that no endpoint has processed: it may safely send it again itself."""
    if call.kept is None:
        why = f"only requests of up to {KEPT_LIMIT >> 10} KiB are kept to be sent again"
    elif leg.upstream.suspicious:
        why = "its connection ended through an error of the protocol"
    elif call.turned_away >= MAX_TURNED_AWAY:
        why = f"it has been refused {call.turned_away + 1} times"
    else:
        why = "there is nobody else to ask"
    return f"{call.pool.endpoint} did not process the call, and {why}"


def on_lost(call: "Call", leg: "Leg") -> None:
    """The endpoint's connection broke; it may have processed the request."""
    if call.done:
        call.send_reset(frames.NO_ERROR)
        return
    if not call.responded and call.safe:
        again = call.attempts == 1
        if _resend(call, "UNAVAILABLE", "lost", again=again, suspicious=leg.upstream.suspicious):
            return
    fault = leg.upstream.fault
    message = f"the connection to {call.pool.endpoint} was lost" + (f": {fault.text}" if fault else "")
    answers.answer(call, answers.UNAVAILABLE, message, started=call.responded)
    call.finish("UNAVAILABLE")


def on_fault(call: "Call", leg: "Leg", reason: str) -> None:
    """The endpoint's response breaks the rules of HTTP/2, and must not be passed on (RFC 9113, 8.1.1).

    `reason`: one of `frames.STREAM_REASONS`. The status is what gRPC clients make of our reset's code.
    """
    if call.done:
        call.send_reset(frames.NO_ERROR)
        return
    code, status = answers.INTERNAL, "INTERNAL"
    if reason == "header_list":
        code, status = answers.RESOURCE_EXHAUSTED, "RESOURCE_EXHAUSTED"
    else:
        call.pool.note(failed=True, began=call.started)
    if not call.responded and call.safe and _resend(call, status, "fault", again=False):
        return
    message = f"the response of {call.pool.endpoint} breaks the rules of HTTP/2: {reason}"
    answers.answer(call, code, message, started=call.responded)
    call.finish(status)


def on_unavailable(call: "Call", status: str | None) -> bool:
    """Trailers alone may say that the endpoint would not serve the call, rather than how it went: send it again.

    A gRPC server that shuts down answers CANCELLED to what reaches it meanwhile, though nobody cancelled; under
    load that answer can be here before its GOAWAY. False if it is the answer.
    """
    if status not in ("UNAVAILABLE", "CANCELLED") or call.is_late():
        return False
    leg = cast("Leg | None", call.peer)
    again = leg is not None and leg.upstream.leaving and call.attempts == 1
    return _resend(call, status, "status", again=again)


def on_rejected(call: "Call", reason: str) -> None:
    """The endpoint cannot be reached, has left, or too many wait for it: nothing was sent, so another may be tried.

    If the document has changed meanwhile, a call that was processed nowhere is one of those it speaks of.
    """
    if call.attempts == 1 and call.switch.decide_again(call):
        return
    if not _resend(call, "UNAVAILABLE", "unreached", again=False, free=True):
        answers.answer(call, answers.UNAVAILABLE, reason)
        call.finish("UNAVAILABLE")


def on_expired(call: "Call") -> None:
    """Its deadline has passed, and no endpoint has it."""
    answers.answer(call, answers.DEADLINE_EXCEEDED, "the deadline passed before an endpoint could be asked")
    call.finish("DEADLINE_EXCEEDED")


def _resend(
    call: "Call", status: str, why: str, *, again: bool, free: bool = False, suspicious: bool = False
) -> bool:
    """Try another endpoint after this leg failed with `status`; False if the client has to be told.

    `again`: it was the connection that failed or was full, so the same endpoint may have the call once more. `free`:
    it was turned away.
    """
    if call.kept is None or call.done:
        return False
    observer, full = call.switch.observer, why == "refused"
    if call.turned_away >= MAX_TURNED_AWAY:
        again = free = full = False
    if not free and call.attempts >= MAX_ATTEMPTS:
        observer.resend_refused("attempts")
        return False
    if call.is_late():
        _drop_leg(call)
        on_expired(call)
        return True
    choice = call.switch.alternative(call, again=again, full=full, free=free)
    if choice is None:
        return False
    observer.failed_leg(call, status)
    observer.resend(why)
    _drop_leg(call)
    if free:
        call.turned_away += 1
        call.attempts -= 1
    elif suspicious:
        call.attempts = MAX_ATTEMPTS - 1
    target, pool = choice
    if target.color != call.target.color:
        call.reason = contract.REASON_FALLBACK
    call.send_to(target, pool, True)
    return True


def _drop_leg(call: "Call") -> None:
    leg, call.peer = call.peer, None
    if leg is not None:
        leg.peer = None
        if not (leg.recv_end and leg.sent_end):
            leg.send_reset(frames.CANCEL)
