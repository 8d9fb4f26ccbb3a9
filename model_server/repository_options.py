"""The command line's options of models beyond `--model`: the repository, its control, and how models run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from model_server.onnx_model import CPU, OPTIMIZATIONS

F = TypeVar("F", bound=Callable[..., Any])

EXPLICIT: Final = "explicit"


def repository_options(command: F) -> F:
    """`--repository`, `--model-control`, `--load-model`, `--batch`, `--provider`, `--graph-optimization`."""
    for option in reversed(
        (
            click.option(
                "--repository",
                type=click.Path(path_type=Path),
                help="A folder of models in Triton's layout: <model>/<version>/model.onnx, <model>/config.pbtxt.",
            ),
            click.option(
                "--model-control",
                type=click.Choice(("none", EXPLICIT)),
                default="none",
                help="Whether requests may load and unload models.",
            ),
            click.option(
                "--load-model",
                "load_models",
                multiple=True,
                metavar="NAME",
                envvar="VERDIGRIS_LOAD_MODEL",
                help="With explicit control: a model of the repository to start with, or '*'. "
                "Repeatable (in the variable: by spaces).",
            ),
            click.option(
                "--batch",
                "batches",
                multiple=True,
                metavar="NAME=MAX[:US]",
                envvar="VERDIGRIS_BATCH",
                help="Run calls of this --model together, MAX rows at most; under load they wait US microseconds for "
                "others. Its rows must be independent. Repeatable (in the variable: by spaces).",
            ),
            click.option(
                "--provider",
                "providers",
                multiple=True,
                default=(CPU,),
                envvar="VERDIGRIS_PROVIDER",
                help="ONNX Runtime's execution provider. Repeatable, the preferred first (in the variable: by spaces).",
            ),
            click.option(
                "--graph-optimization",
                type=click.Choice([*OPTIMIZATIONS]),
                default="all",
                help="How much of a graph ONNX Runtime may rewrite.",
            ),
        )
    ):
        command = option(command)
    return command
