"""What we define of the protocol is what Triton defines: names, numbers, types, and the calls."""

from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from tritonclient.grpc import model_config_pb2 as triton_config_pb2
from tritonclient.grpc import service_pb2 as triton_pb2

from mesh.pb import model_config_pb2, open_inference_pb2

FILES: list[tuple[Any, Any]] = [
    (model_config_pb2, triton_config_pb2),
    (open_inference_pb2, triton_pb2),
]


def definitions(module: Any) -> dict[str, str]:
    """Every message, enum and call of a file by its full name, written out."""
    file = FileDescriptorProto()
    module.DESCRIPTOR.CopyToProto(file)
    assert (file.package, file.syntax) == ("inference", "proto3")
    services = {
        f"{service.name}/{method.name}": str(method) for service in file.service for method in service.method
    }
    return {
        **{each.name: str(each) for each in file.enum_type},
        **{each.name: str(each) for each in file.message_type},
        **services,
    }


@pytest.mark.parametrize(("ours", "theirs"), FILES, ids=lambda each: str(each.__name__))
def test_every_message_field_and_call_is_what_triton_has(ours: Any, theirs: Any) -> None:
    mine, given = definitions(ours), definitions(theirs)
    assert mine == {name: given.get(name, "not Triton's") for name in mine}


@pytest.mark.parametrize(("ours", "theirs"), FILES, ids=lambda each: str(each.__name__))
def test_nothing_of_tritons_is_left_out(ours: Any, theirs: Any) -> None:
    """A newer tritonclient with a new message ends here: a file written for Triton may hold it."""
    assert definitions(theirs).keys() == definitions(ours).keys()
