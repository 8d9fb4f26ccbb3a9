"""With VERDIGRIS_NO_SKIP=1 nothing is skipped silently; without it, skips are skips."""

import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
SKIPS = {
    "in_a_test": "import pytest\ndef test_it(): pytest.skip('no chromium')",
    "by_a_mark": "import pytest\n@pytest.mark.skip(reason='no chromium')\ndef test_it(): pass",
    "in_a_fixture": (
        "import pytest\n@pytest.fixture\ndef browser(): pytest.skip('no chromium')\n"
        "def test_it(browser): pass"
    ),
    "of_a_module": "import pytest\npytest.skip('no chromium', allow_module_level=True)",
}


def run_pytest(folder: Path, test: str, *, no_skip: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(CONFTEST.read_text())
    (folder / "test_it.py").write_text(test)
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "-c", "/dev/null", "."]
    root = str(CONFTEST.parents[1])
    environment = {
        "VERDIGRIS_NO_SKIP": no_skip,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": root,
    }
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("skip", SKIPS.values(), ids=SKIPS.keys())
def test_a_skip_becomes_a_failure_that_gives_the_reason(tmp_path: Path, skip: str) -> None:
    done = run_pytest(tmp_path, skip, no_skip="1")
    assert done.returncode != 0, done.stdout
    assert "VERDIGRIS_NO_SKIP is set, but this was skipped: Skipped: no chromium" in done.stdout


@pytest.mark.parametrize("skip", SKIPS.values(), ids=SKIPS.keys())
@pytest.mark.parametrize("unset", ["", "0"])
def test_without_the_variable_a_skip_is_a_skip(tmp_path: Path, skip: str, unset: str) -> None:
    done = run_pytest(tmp_path, skip, no_skip=unset)
    assert "1 skipped" in done.stdout
    assert "failed" not in done.stdout


def test_an_expected_failure_is_not_a_skip(tmp_path: Path) -> None:
    test = "import pytest\n@pytest.mark.xfail(reason='known')\ndef test_it(): assert False"
    done = run_pytest(tmp_path, test, no_skip="1")
    assert done.returncode == 0, done.stdout
    assert "1 xfailed" in done.stdout
