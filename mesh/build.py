"""How this installation was built: `setup.py` compiles the data path where there is a C compiler."""

from typing import Final

from mesh.http2 import frames

COMPILED: Final = not str(frames.__file__).endswith(".py")
"""The data path is compiled; otherwise it is interpreted, which costs four times as much a call."""
