"""HashiCorp's release is used only when it is the one whose checksum was published."""

import hashlib
import io
import zipfile

import pytest

from tools.hashicorp import ADDRESS, VERSION, ReleaseError, archive_name, consul, verify

NAME = f"consul_{VERSION}_linux_amd64.zip"


def archive(member: str = "consul", content: bytes = b"\x7fELF agent") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made:
        made.writestr("LICENSE.txt", "…")
        made.writestr(member, content)
    return packed.getvalue()


def checksum(content: bytes, name: str = NAME) -> str:
    return f"{hashlib.sha256(content).hexdigest()}  {name}\n"


class Site:
    """Answers with what was published, and remembers what was asked for."""

    def __init__(self, checksums: str, content: bytes) -> None:
        self.asked: list[str] = []
        self._checksums, self._content = checksums, content

    def __call__(self, address: str) -> bytes:
        self.asked.append(address)
        return self._checksums.encode() if address.endswith("SHA256SUMS") else self._content


@pytest.mark.parametrize(
    ("system", "machine", "platform"),
    [
        ("Linux", "x86_64", "linux_amd64"),
        ("Linux", "aarch64", "linux_arm64"),
        ("Linux", "armv7l", "linux_arm"),
        ("Darwin", "arm64", "darwin_arm64"),
    ],
)
def test_the_archive_is_named_after_the_platform(system: str, machine: str, platform: str) -> None:
    assert archive_name(system=system, machine=machine, version="1.2.3") == f"consul_1.2.3_{platform}.zip"


def test_a_machine_that_nothing_is_built_for_is_named() -> None:
    with pytest.raises(ReleaseError, match="riscv64"):
        archive_name(system="Linux", machine="riscv64")


def test_the_agent_is_unpacked_from_an_archive_that_matches_its_published_checksum() -> None:
    content = archive()
    site = Site(checksum(b"another", "consul_0_plan9_mips.zip") + checksum(content), content)
    assert consul(read=site, system="Linux", machine="x86_64") == b"\x7fELF agent"
    assert site.asked == [f"{ADDRESS}/{VERSION}/consul_{VERSION}_SHA256SUMS", f"{ADDRESS}/{VERSION}/{NAME}"]


def test_an_archive_with_one_byte_changed_is_refused() -> None:
    content = archive()
    changed = content[:-1] + bytes([content[-1] ^ 1])
    with pytest.raises(ReleaseError, match="SHA-256"):
        consul(read=Site(checksum(content), changed), system="Linux", machine="x86_64")


@pytest.mark.parametrize("times", [0, 2])
def test_checksums_that_do_not_name_the_archive_once_are_refused(times: int) -> None:
    with pytest.raises(ReleaseError, match=f"{times} times"):
        verify(b"x", name=NAME, checksums=checksum(b"x") * times)


def test_a_checksum_counts_only_for_the_whole_name() -> None:
    with pytest.raises(ReleaseError, match="0 times"):
        verify(b"x", name=NAME, checksums=checksum(b"x", f"other-{NAME}") + checksum(b"x", f"{NAME}.sig"))


def test_a_checksum_in_capitals_is_the_same_checksum() -> None:
    verify(b"x", name=NAME, checksums=f"{hashlib.sha256(b'x').hexdigest().upper()}  {NAME}\n")


def test_an_archive_without_an_agent_is_refused() -> None:
    content = archive(member="vault")
    with pytest.raises(ReleaseError, match="holds no consul"):
        consul(read=Site(checksum(content), content), system="Linux", machine="x86_64")


def test_a_site_that_cannot_be_reached_is_named_with_the_reason() -> None:
    def unreachable(address: str) -> bytes:
        raise OSError("no route to host")

    with pytest.raises(ReleaseError, match=f"{ADDRESS}.*no route to host"):
        consul(read=unreachable, system="Linux", machine="x86_64")
