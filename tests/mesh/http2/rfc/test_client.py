"""Each case that an upstream can say, against the wire in this process. The whole program is in `test_process`."""

import pytest

from mesh.http2 import frames as f
from tests.mesh.http2.rfc import upstream_frames
from tests.mesh.http2.rfc.case import Case, acknowledged, run
from tests.mesh.http2.rfc.upstreams import OPEN, InsideUpstream

CASES = upstream_frames.CASES


@pytest.mark.parametrize("case", [case for case in CASES if not case.whole], ids=str)
async def test_an_upstream_that_says(case: Case) -> None:
    """… is answered as the RFC demands."""
    line = InsideUpstream()
    await line.until(lambda: acknowledged(line.heard) == 1)
    assert [each.stream_id for each in line.heard if each.kind == f.HEADERS] == list(OPEN)
    await run(case, line)
