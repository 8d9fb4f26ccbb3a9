"""Stands in for ONNX Runtime: opens any file as a model that doubles, and can be held up or made to fail."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from model_server.config import ModelConfigValue
from model_server.errors import BrokenModelError
from model_server.models import Array, Model, fake_model


def double(names: Sequence[str], feeds: Mapping[str, Array]) -> Sequence[Array]:
    return [feeds["X"] * 2 for _ in names]


class Shelf:
    """`opened` counts; a file whose text begins with `broken` cannot be opened; `hold` stops whoever opens next."""

    def __init__(self) -> None:
        self.opened: list[tuple[str, str | None, str]] = []
        self.reached = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()

    def hold(self) -> None:
        self.reached.clear()
        self.go_on.clear()

    def __call__(self, name: str, file: Path, *, version: str | None, wanted: ModelConfigValue) -> Model:
        try:
            text = file.read_text()
        except OSError as error:
            raise BrokenModelError(f"model {name!r}: {file} cannot be loaded: {error.strerror}") from error
        self.opened.append((name, version, text))
        self.reached.set()
        assert self.go_on.wait(30)
        if text.startswith("broken"):
            raise BrokenModelError(f"model {name!r}: {file} cannot be loaded: it says {text!r}")
        return fake_model(
            double,
            name=name,
            version=version or "1",
            inputs={"X": ("FP32", (-1, 4))},
            outputs={"Y": ("FP32", (-1, 4))},
        )


def put(repository: Path, name: str, *versions: int, text: str = "good", config: str | None = None) -> Path:
    """A folder in Triton's layout."""
    for version in versions:
        file = repository / name / str(version) / "model.onnx"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    if config is not None:
        (repository / name / "config.pbtxt").write_text(config)
    return repository / name
