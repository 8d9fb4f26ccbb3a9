"""MLServer's runtime for an ONNX file. Runs in MLServer's environment, so of ours it imports `session` alone."""

from pathlib import Path
from typing import Any

from mlserver import MLModel  # type: ignore[import-not-found]
from mlserver.codecs import NumpyCodec  # type: ignore[import-not-found]
from mlserver.types import InferenceResponse  # type: ignore[import-not-found]

from benchmarks.models.session import open_session


class Onnx(MLModel):  # type: ignore[misc]
    """As MLServer's documentation writes custom runtimes. Runs on the loop: handing over to a thread costs more than a
    small model's run, and MLServer has processes for large ones."""

    async def load(self) -> bool:
        self._session = open_session(Path(self.settings.parameters.uri))
        self._names = [each.name for each in self._session.get_outputs()]
        return True

    async def predict(self, payload: Any) -> Any:
        feeds = {each.name: NumpyCodec.decode_input(each) for each in payload.inputs}
        arrays = self._session.run(self._names, feeds)
        return InferenceResponse(
            model_name=self.name,
            outputs=[
                NumpyCodec.encode_output(name, array) for name, array in zip(self._names, arrays, strict=True)
            ],
        )
