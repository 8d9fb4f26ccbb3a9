"""What holds for all tests of the splitter, and a real Consul for those that need one."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.consul_agent import ConsulAgent, consul_binary

# On a machine that does other work too, the time of one example says nothing.
settings.register_profile("splitter", deadline=None)
settings.load_profile("splitter")


@pytest.fixture(scope="session")
def agent() -> Iterator[ConsulAgent]:
    """One agent for all who use services of different names."""
    if consul_binary() is None:
        pytest.skip("consul: not installed; run `make consul`")
    with ConsulAgent() as agent:
        yield agent
