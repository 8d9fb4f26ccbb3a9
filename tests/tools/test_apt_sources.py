"""What the machine's own apt sources say about where Debian's packages are."""

from pathlib import Path

import pytest

from tools.apt_sources import Source, debian_mirrors, parse_deb822, parse_one_line, read

MIRROR = "http://mirror.example/debian"


def test_a_one_line_source_gives_its_address_suite_and_components() -> None:
    assert list(parse_one_line(f"deb {MIRROR} bookworm main contrib")) == [
        Source(MIRROR, ("bookworm",), ("main", "contrib"))
    ]


@pytest.mark.parametrize(
    "line",
    [
        f"deb [signed-by=/k.gpg] {MIRROR} bookworm main",
        f"deb [ arch=amd64 trusted=yes ] {MIRROR} bookworm main",
        f"\tdeb\t{MIRROR}  bookworm   main   # the usual one",
    ],
)
def test_options_spacing_and_trailing_comments_of_one_line_change_nothing(line: str) -> None:
    assert list(parse_one_line(line)) == [Source(MIRROR, ("bookworm",), ("main",))]


@pytest.mark.parametrize(
    "line",
    ["", "# deb http://off.example/ bookworm main", f"deb-src {MIRROR} bookworm main", "deb", "nonsense"],
)
def test_comments_sources_of_source_code_and_nonsense_are_passed_over(line: str) -> None:
    assert list(parse_one_line(line)) == []


def test_a_flat_repository_has_a_suite_and_no_components() -> None:
    assert list(parse_one_line("deb http://flat.example/ ./")) == [
        Source("http://flat.example/", ("./",), ())
    ]


def test_every_stanza_of_a_deb822_file_is_read_and_comments_inside_it_are_not() -> None:
    text = (
        "Types: deb\n# when this image was made\nURIs: http://a.example/debian\n"
        "Suites: trixie trixie-updates\nComponents: main\nSigned-By: /k.pgp\n\n\n"
        "Types: deb deb-src\nURIs: http://b.example/debian-security\n"
        "Suites: trixie-security\nComponents: main\n"
    )
    assert list(parse_deb822(text)) == [
        Source("http://a.example/debian", ("trixie", "trixie-updates"), ("main",)),
        Source("http://b.example/debian-security", ("trixie-security",), ("main",)),
    ]


def test_field_names_are_read_in_any_case_and_values_may_go_on_over_lines() -> None:
    uris = "uris:\n http://a.example/debian\n\thttp://b.example/debian\n"
    text = f"types: deb\n{uris}SUITES: sid\nComponents: main"
    assert [source.uri for source in parse_deb822(text)] == [
        "http://a.example/debian",
        "http://b.example/debian",
    ]


def test_a_key_block_inside_a_stanza_is_not_mistaken_for_fields() -> None:
    text = (
        f"Types: deb\nURIs: {MIRROR}\nSuites: bookworm\nComponents: main\n"
        "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n URIs: http://not.example/\n"
    )
    assert list(parse_deb822(text)) == [Source(MIRROR, ("bookworm",), ("main",))]


@pytest.mark.parametrize("off", ["Enabled: no", "Enabled: false", "enabled: NO"])
def test_a_disabled_stanza_is_no_source(off: str) -> None:
    assert list(parse_deb822(f"Types: deb\nURIs: {MIRROR}\nSuites: sid\nComponents: main\n{off}\n")) == []


def test_a_stanza_of_source_code_alone_is_no_source() -> None:
    assert list(parse_deb822(f"Types: deb-src\nURIs: {MIRROR}\nSuites: sid\nComponents: main\n")) == []


def test_both_formats_are_read_and_files_that_apt_would_not_read_are_not(tmp_path: Path) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "sources.list").write_text("deb http://one.example/debian bookworm main\n")
    (parts / "b.sources").write_text(
        "Types: deb\nURIs: http://two.example/x\nSuites: sid\nComponents: main\n"
    )
    (parts / "a.list").write_text("deb http://three.example/debian sid main\n")
    (parts / "c.list.disabled").write_text("deb http://four.example/debian sid main\n")
    assert [source.uri.split("/")[2] for source in read(tmp_path)] == [
        "one.example",
        "three.example",
        "two.example",
    ]


def test_a_machine_without_apt_has_no_sources(tmp_path: Path) -> None:
    assert read(tmp_path / "nowhere") == ()


def test_a_mirror_is_where_a_main_archive_of_debian_is_read() -> None:
    sources = (
        Source("http://security.example/debian-security", ("bookworm-security",), ("main",)),
        Source("http://third.example/apt", ("stable",), ("main",)),
        Source("http://docker.example/linux", ("bookworm",), ("stable",)),
        Source("cdrom:[Debian 12]/", ("bookworm",), ("main",)),
        Source(MIRROR, ("bookworm", "bookworm-updates"), ("main", "contrib")),
        Source(MIRROR, ("bookworm",), ("main",)),
    )
    assert debian_mirrors(sources) == (MIRROR, "http://third.example/apt")


def test_the_mirror_list_of_cloud_images_counts_as_a_mirror() -> None:
    uri = "mirror+file:///etc/apt/mirrors/debian.list"
    assert debian_mirrors([Source(uri, ("trixie",), ("main",))]) == (uri,)


def test_another_distribution_names_no_debian_mirror() -> None:
    assert debian_mirrors([Source("http://ubuntu.example/ubuntu", ("noble",), ("main", "universe"))]) == ()
