"""Each case that a client can say, against the wire in this process. The whole program is in `test_process`."""

import pytest

from mesh.http2 import frames as f
from tests.mesh.http2.rfc import server_frames, server_hpack, server_messages
from tests.mesh.http2.rfc.case import Case, acknowledged, run
from tests.mesh.http2.rfc.lines import Inside

CASES = server_frames.CASES + server_messages.CASES + server_hpack.CASES


@pytest.mark.parametrize("case", [case for case in CASES if not case.whole], ids=str)
async def test_a_client_that_says(case: Case) -> None:
    """… is answered as the RFC demands."""
    line = Inside()
    if case.greets:
        line.say(f.PREFACE + f.settings({}))
        await line.until(lambda: acknowledged(line.heard) == 1)
        line.say(f.SETTINGS_ACK)
    await run(case, line)
