"""What the store says of the shadow, and the same figure from the two models alone, with none of us between them.

Heavy imports (SQL, ONNX Runtime): to be imported when there is something to read.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime

from mesh import contract
from mesh.pb import open_inference_pb2 as pb
from mesh.shadowing import Criteria
from rollout.demo.overlap import Overlap
from rollout.failure import Exit, Failure
from rollout.local import MODELS, SERVICE
from shadow.store.fault import StoreError
from shadow.store.store import Store
from shadow.store.values import Scope
from shadow.verdict.evidence import Evidence
from shadow.verdict.judge import judge
from shadow.verdict.verdict import Verdict

OUTPUT: Final = "items"
PREFIX: Final = 5
"""Bytes that gRPC puts before a message."""


@dataclass(frozen=True, slots=True)
class Said:
    """What is known of a shadow, and of the noise beside it."""

    outcomes: Counter[str]
    """What became of the shadows, by outcome."""
    recorded: Overlap
    """Of the films of the primary and of the shadow, pair by pair, as the store has it."""
    offline: Overlap
    """The same of the two models in this process, asked the very same."""
    noise: Overlap
    """Of the films of the primary and of its own second answer."""
    verdict: Verdict


def read(store: Path, *, primary: str, color: str, criteria: Criteria, service: str = SERVICE) -> Said:
    """All that the store has of these two colours; Failure if it cannot be read."""
    shadow, itself = Scope(service, color), Scope(service, primary, contract.ROLE_NOISE)
    with _opened(store) as opened:
        outcomes: Counter[str] = Counter()
        for account in opened.accounts(shadow):
            outcomes[account.outcome] += account.number
        evidence, noise = opened.evidence(shadow), opened.evidence(itself)
        asked = [_user(each.pair.request) for each in opened.pairs(shadow) if each.comparison is not None]
    return Said(
        outcomes,
        recorded=_recorded(evidence),
        offline=offline(asked, primary, color),
        noise=_recorded(noise),
        verdict=judge(evidence, noise, criteria),
    )


def as_data(said: Said) -> dict[str, Any]:
    """For scripts."""
    overlaps = {"overlap": said.recorded, "offline": said.offline, "noise": said.noise}
    shown = {name: {**asdict(each), "share": each.share} for name, each in overlaps.items()}
    return {"outcomes": dict(said.outcomes), **shown, "verdict": said.verdict.state}


def offline(users: Sequence[int], *colors: str) -> Overlap:
    """Of two models of the demo, one user at a time, as the requests were."""
    one, other = (
        onnxruntime.InferenceSession(str(MODELS / f"{color}.onnx"), providers=["CPUExecutionProvider"])
        for color in colors
    )
    return Overlap.of((_films(one, user), _films(other, user)) for user in users)


def _opened(store: Path) -> Store:
    try:
        return Store.open(str(store), read_only=True)
    except StoreError as error:
        hint = f"What the recorder says is in {store.with_name('splitter.log')}."
        raise Failure(Exit.FAILED, str(error), hint=hint) from None


def _films(session: onnxruntime.InferenceSession, user: int) -> list[int]:
    (films,) = session.run([OUTPUT], {"user": np.array([user], np.int64)})
    found: list[int] = films[0].tolist()
    return found


def _recorded(evidence: Evidence) -> Overlap:
    output = evidence.output(OUTPUT)
    if output is None:
        return Overlap(0, 0)
    return Overlap(evidence.compared.size, int(output.figures["common"].sum()))


def _user(request: bytes | None) -> int:
    """Whom a recorded request asks for; 0, which is nobody, if its bytes were not kept."""
    if request is None:
        return 0
    (content,) = pb.ModelInferRequest.FromString(request[PREFIX:]).raw_input_contents
    return int(np.frombuffer(content, "<i8")[0])
