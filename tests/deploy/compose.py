"""Reads `deploy/compose.yaml` and asks the real commands what they understand of it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import yaml

from model_server.__main__ import command as model_server
from rollout.cli import verdigris
from splitter.__main__ import main as splitter

DEPLOY: Final = Path(__file__).resolve().parents[2] / "deploy"
COMMANDS: Final[dict[str, click.Command]] = {
    "splitter": splitter,
    "model-server": model_server,
    "verdigris": verdigris,
}


@dataclass(frozen=True)
class Service:
    """One service of the file."""

    name: str
    spec: dict[str, Any]

    @property
    def words(self) -> list[str]:
        command = self.spec.get("command", [])
        return command.split() if isinstance(command, str) else [*command]

    @property
    def is_ours(self) -> bool:
        return bool(self.words) and self.words[0] in COMMANDS

    @property
    def environment(self) -> dict[str, str]:
        return dict(self.spec.get("environment", {}))

    @property
    def settings(self) -> dict[str, Any]:
        """What the real command makes of the flags; click.UsageError if it does not understand them."""
        return _parsed(COMMANDS[self.words[0]], self.words[1:]).params

    def variables(self) -> set[str]:
        """The environment variables that the real command reads, of those it has as flags too."""
        context = _parsed(COMMANDS[self.words[0]], self.words[1:])
        names = (_variables(option, context) for option in context.command.params)
        return {name for each in names for name in each}

    def ports(self) -> Iterator[tuple[str, int, int]]:
        """(address of the host, its port, the container's port) of what is published."""
        for entry in self.spec.get("ports", []):
            match = re.fullmatch(r"(?:(.+):)?(\d+):(\d+)", entry)
            assert match, f"{self.name}: {entry}"
            yield match[1] or "", int(match[2]), int(match[3])


def _parsed(command: click.Command, words: list[str]) -> click.Context:
    if isinstance(command, click.Group):
        _, command, words = command.resolve_command(click.Context(command), [*words])
        assert command is not None
    return command.make_context(command.name, [*words], auto_envvar_prefix="VERDIGRIS")


def _variables(option: click.Parameter, context: click.Context) -> list[str]:
    named = option.envvar or f"{context.auto_envvar_prefix}_{(option.name or '').upper()}"
    return [named] if isinstance(named, str) else [*named]


def load() -> tuple[dict[str, Any], dict[str, Service]]:
    """The whole file, with its anchors merged, and its services."""
    document: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return document, {name: Service(name, spec) for name, spec in document["services"].items()}


def dockerfiles() -> list[Path]:
    return sorted(DEPLOY.glob("*.Dockerfile"))
