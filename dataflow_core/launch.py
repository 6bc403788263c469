"""Starts the browser app: picks a port, runs Streamlit as a child process, and stops it without a trace."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from dataflow_core.errors import UsageError

HOST = "127.0.0.1"
_PORTS_TRIED = 20
_SECONDS_TO_STOP = 10.0


def launch_app(port: int = 8501, open_browser: bool = False) -> int:
    """Run the app until Ctrl-C, and return its exit code. The address is printed once it answers."""
    script = app_script()
    if not 1 <= port <= 65535:
        raise UsageError(f"There is no port {port}: ports go from 1 to 65535.")
    chosen = free_port(port)
    if chosen != port:
        _say(f"Port {port} is taken by another program; using {chosen} instead.")
    _say("Starting Dataflow Studio ...")
    with _stopped_by_signals(), _child(_command(script, chosen), script.parent) as process:
        if not _wait_until_it_answers(process, chosen):
            return process.returncode
        url = f"http://{HOST}:{chosen}"
        _say(f"Dataflow Studio is at {url} (Ctrl-C stops it; runs that are going on continue).")
        if open_browser:
            webbrowser.open(url)
        return process.wait()
    return 0


def app_script() -> Path:
    """Return app.py. Raises `UsageError` where only the library is installed."""
    script = Path(__file__).resolve().parent.parent / "app.py"
    if not script.is_file():
        raise UsageError(
            f"The browser app is not part of the installed library: {script} does not exist. "
            "Start it from a copy of the project's repository, with make run."
        )
    if importlib.util.find_spec("streamlit") is None:
        raise UsageError(
            "The browser app needs Streamlit, which this Python does not have. "
            "Start the app with make run, or install it: pip install -r requirements.txt"
        )
    return script


def free_port(wanted: int) -> int:
    """Return `wanted` if nothing listens there, or else the next free port."""
    for port in range(wanted, min(wanted + _PORTS_TRIED, 65536)):
        if _can_listen(port):
            return port
    with closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _can_listen(port: int) -> bool:
    with closing(socket.socket()) as probe:
        if os.name == "posix":
            # Otherwise a server that was stopped a moment ago would still seem to be there.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _command(script: Path, port: int) -> list[str]:
    options = {"server.port": port, "logger.hideWelcomeMessage": "true", "logger.level": "warning"}
    flags = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "ui.serve", "run", str(script), *flags]


@contextmanager
def _child(command: list[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` in `folder`, where its configuration lies, and stop it on leaving.

    It gets a process group of its own: a Ctrl-C at the terminal then reaches only us, and Streamlit never
    prints a traceback for one that came while it was starting.
    """
    environment = dict(os.environ)
    if home := environment.get("DATAFLOW_HOME"):
        environment["DATAFLOW_HOME"] = str(Path(home).expanduser().absolute())
    process = subprocess.Popen(  # noqa: S603 (a command of our own making)
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, process_group=0
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(_SECONDS_TO_STOP)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Treat being asked to end, or the terminal's closing, like a Ctrl-C; none of them is an error."""
    asked = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.signal(number, _interrupt) for number in asked}
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _wait_until_it_answers(process: subprocess.Popen[bytes], port: int) -> bool:
    """Return whether it does; False when it has ended instead, having said why."""
    while True:
        try:
            with socket.create_connection((HOST, port), timeout=1.0):
                return True
        except OSError:
            try:
                process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
            return False


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()
