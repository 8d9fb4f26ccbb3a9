"""The command `verdigris` with all its subcommands."""

import click

from mesh.version import version
from rollout.commands import demo, look, pairs, replay, report, trace, traffic, up
from rollout.failure import MEANING

COMMANDS = (
    up.up,
    demo.demo,
    look.status,
    traffic.shift,
    traffic.mirror,
    report.report,
    replay.replay,
    traffic.rollback,
    look.history,
    trace.trace,
    pairs.pairs,
)


class InOrder(click.Group):
    """Lists its commands in the order of a rollout, not of the alphabet."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(
    cls=InOrder,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=f"Exit codes: {MEANING}.",
)
@click.version_option(version())
def verdigris() -> None:
    """Shadow, canary and cut over model versions on live gRPC traffic, with one edit of one Consul key."""


for command in COMMANDS:
    verdigris.add_command(command)
