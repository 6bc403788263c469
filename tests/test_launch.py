from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dataflow_core.launch import HOST, free_port

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def taken_port() -> Iterator[int]:
    with closing(socket.socket()) as listening:
        listening.bind((HOST, 0))
        listening.listen()
        yield listening.getsockname()[1]


def launcher(port: int, home: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", f"from dataflow_core.launch import launch_app; exit(launch_app({port}))"]
    env = os.environ | {"DATAFLOW_HOME": str(home), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, env=env, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def test_a_free_port_is_taken_as_asked(taken_port: int) -> None:
    with closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    assert free_port(port) == port


def test_instead_of_a_taken_port_a_free_one_is_chosen(taken_port: int) -> None:
    chosen = free_port(taken_port)
    assert chosen != taken_port
    with closing(socket.socket()) as probe:
        probe.bind((HOST, chosen))


def test_the_last_port_there_is_does_not_end_the_search() -> None:
    with closing(socket.socket()) as listening:
        listening.bind((HOST, 65535))
        listening.listen()
        assert 0 < free_port(65535) < 65535


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_the_app_says_where_it_is_and_stops_without_a_trace(taken_port: int, tmp_path: Path, asked: int) -> None:
    process = launcher(taken_port, tmp_path)
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        assert f"Port {taken_port} is taken" in process.stdout.readline()
        while "Dataflow Studio is at" not in (line := process.stdout.readline()):
            assert line, process.stderr.read()
        address = line.split("http://")[1].split()[0]
        host, port = address.split(":")
        process.send_signal(asked)
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert "Traceback" not in errors
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=1)
