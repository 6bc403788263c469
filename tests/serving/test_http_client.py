"""The line to a server: connections, proxies, TLS, endless and compressed answers, and what breaks on the way."""

import asyncio
import errno
import gzip
import logging
import os
import pickle
import socket
import time
import traceback
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from dataflow_core.errors import ConfigurationError, ServingError, TransientError
from dataflow_core.models import Completion, Endpoint, Message, Prompt
from dataflow_core.serving import open_serving
from dataflow_core.serving.base import Serving
from dataflow_core.serving.http_client import LONGEST_ANSWER
from dataflow_core.serving.openai_compatible import OpenAIServing
from tests.serving.raw_server import CERTIFICATE, Converse, RawServer, answer, completion_of, read_request

KEY = "sk-test-0123456789"
QUESTION = Prompt("v1", messages=(Message("user", "Hello?"),))


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "DATAFLOW_", "SSL_CERT")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def use(
    url: str, *steps: Callable[[OpenAIServing], Awaitable[object]], timeout: float = 20.0, key: str = KEY
) -> OpenAIServing:
    serving = OpenAIServing(Endpoint("Test", base_url=url, model="m", max_workers=4), key, timeout=timeout)

    async def in_turn() -> None:
        try:
            for step in steps:
                await step(serving)
        finally:
            await serving.close()

    asyncio.run(in_turn())
    return serving


def asked(url: str, prompt: Prompt = QUESTION, *, timeout: float = 20.0) -> Completion:
    answers: list[Completion] = []

    async def ask(serving: OpenAIServing) -> None:
        answers.append(await serving.complete(prompt))

    use(url, ask, timeout=timeout)
    return answers[0]


def failure(converse: Converse, *, timeout: float = 20.0) -> ServingError:
    with RawServer(converse) as server, pytest.raises(ServingError) as caught:
        asked(server.url, timeout=timeout)
    return caught.value


def always(reply: bytes, *, delay: float = 0.0) -> Converse:
    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            await asyncio.sleep(delay)
            writer.write(reply)

    return converse


def once(*pieces: bytes, pause: float = 0.0) -> Converse:
    """These pieces for the first request, and then the end of the connection."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
        writer.close()

    return converse


# Connections ---------------------------------------------------------------------------------------------------------


def test_hundreds_of_calls_are_in_flight_at_once_and_use_their_connections_again() -> None:
    async def wave(serving: OpenAIServing) -> None:
        await asyncio.gather(*(serving.complete(QUESTION) for _ in range(300)))

    with RawServer(always(answer(completion_of("OK")), delay=0.3)) as server:
        started = time.perf_counter()
        use(server.url, wave, wave, wave)
        assert time.perf_counter() - started < 6  # one after the other: 270 s
        assert server.connections == 300


def test_a_connection_that_the_server_closed_meanwhile_is_not_used_again() -> None:
    async def ask(serving: OpenAIServing) -> None:
        assert (await serving.complete(QUESTION)).texts == ("OK",)
        await asyncio.sleep(0.1)

    with RawServer(once(answer(completion_of("OK")))) as server:
        use(server.url, ask, ask, ask)
        assert server.connections == 3


def test_a_connection_that_breaks_as_it_is_used_again_is_worth_another_try() -> None:
    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer(completion_of("OK")))
        await reader.read(1)

    async def ask(serving: OpenAIServing) -> None:
        await serving.complete(QUESTION)

    async def fail(serving: OpenAIServing) -> None:
        with pytest.raises(TransientError, match="broke off the connection"):
            await serving.complete(QUESTION)

    with RawServer(converse) as server:
        use(server.url, ask, fail, ask, fail)
        assert server.connections == 2


def test_a_serving_that_has_not_been_used_can_be_pickled() -> None:
    with RawServer(always(answer(completion_of("OK")))) as server:
        serving: Serving = pickle.loads(pickle.dumps(open_serving(Endpoint("Test", base_url=server.url, model="m"))))

        async def ask() -> Completion:
            try:
                return await serving.complete(QUESTION)
            finally:
                await serving.close()

        assert asyncio.run(ask()).texts == ("OK",)


def test_a_cancelled_call_gives_its_connection_up() -> None:
    hung_up = []

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        hung_up.append(await reader.read())

    async def cancel(serving: OpenAIServing) -> None:
        call = asyncio.create_task(serving.complete(QUESTION))
        await asyncio.sleep(0.2)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.sleep(0.1)
        assert hung_up == [b""]

    with RawServer(converse) as server:
        use(server.url, cancel)


def test_a_prompt_of_megabytes_is_sent_whole() -> None:
    sizes = []

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sizes.append(len((await read_request(reader))[2]))
        writer.write(answer(completion_of("OK")))
        await reader.read()

    with RawServer(converse) as server:
        asked(server.url, Prompt("v1", messages=(Message("user", "x" * 3_000_000),)))
    assert sizes[0] > 3_000_000


# What breaks ---------------------------------------------------------------------------------------------------------

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BROKEN_OFF = "broke off the connection before its answer was complete"


@pytest.mark.parametrize(
    ("converse", "at", "sentence"),
    [
        (once(), "", BROKEN_OFF),
        (once(HEAD), "", BROKEN_OFF),
        (once(HEAD + b"Content-Length: 100\r\n\r\n{"), "", BROKEN_OFF),
        (once(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"), "", BROKEN_OFF),
        (once(b"SSH-2.0-OpenSSH_9.9\r\n\r\n"), "address", "does not speak HTTP. Check host and port."),
        (once(b"\x15\x03\x01\x00\x02\x02\x50"), "address", "does not speak HTTP"),
        (once(HEAD + b"X-Endless: " + b"x" * 200_000), "address", "does not speak HTTP"),
        (once(answer(b"")), "", "answered with nothing at all"),
        (once(answer(b"", status="204 No Content")), "", "answered with nothing at all"),
        (once(answer(b"", status="504 Gateway Time-out")), "", "cannot answer at the moment (504)"),
    ],
)
def test_whatever_breaks_on_the_way_is_worth_another_try(converse: Converse, at: str, sentence: str) -> None:
    error = failure(converse)
    assert type(error) is TransientError
    assert (error.at, sentence in str(error)) == (at, True), str(error)


@pytest.mark.parametrize(
    "converse",
    [
        once(HEAD, pause=5),
        once(HEAD + b"Content-Length: 100\r\n\r\n", *[b" "] * 100, pause=0.05),
        once(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[b"1\r\n \r\n"] * 100, pause=0.05),
        once(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"nonsense\r\n{", pause=0.05),  # aiohttp reads no further
    ],
    ids=["slow headers", "a byte at a time", "an answer that never ends", "an answer broken within"],
)
def test_a_call_ends_at_its_time_limit_whatever_still_comes_in(converse: Converse) -> None:
    started = time.perf_counter()
    error = failure(converse, timeout=0.4)
    assert time.perf_counter() - started < 2
    assert type(error) is TransientError
    assert str(error).endswith("did not answer within 0.4 s.")


def test_too_many_open_connections_are_blamed_on_neither_address_nor_server(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(**_: object) -> socket.socket:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("aiohappyeyeballs.start_connection", refuse)
    with pytest.raises(TransientError) as caught:
        asked("http://127.0.0.1:9/v1")
    assert "allows no more open connections" in str(caught.value)
    assert (caught.value.at, caught.value.is_throttle) == ("", True)


# Answers too long, or packed -----------------------------------------------------------------------------------------


def test_an_answer_without_end_is_cut_off_like_one_at_the_token_limit() -> None:
    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(HEAD + b'Transfer-Encoding: chunked\r\n\r\n9\r\n{"text":"\r\n')
        while True:
            writer.write(b"10000\r\n" + b"na " * 21845 + b"n" + b"\r\n")
            await writer.drain()

    with RawServer(converse) as server:
        completion = asked(server.url)
    assert (completion.finish_reason, len(completion.texts)) == ("length", 1)
    assert completion.texts[0].startswith('{"text":"na na na')
    assert len(completion.texts[0]) == 20_000


@pytest.mark.parametrize("coding", ["gzip", "deflate", "x-unknown"])
def test_a_bomb_is_not_unpacked(coding: str) -> None:
    body = b"[" + b" " * (3 * LONGEST_ANSWER) + b"]"
    packed = gzip.compress(body, 1) if coding == "gzip" else zlib.compress(body, 1)
    assert len(packed) < LONGEST_ANSWER / 5
    with RawServer(once(answer(packed, f"Content-Encoding: {coding}"))) as server:
        if coding == "x-unknown":
            with pytest.raises(TransientError, match="something that is not JSON"):
                asked(server.url)
        else:
            completion = asked(server.url)
            assert (completion.finish_reason, completion.texts[0][:3]) == ("length", "[  ")


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_server_that_packs_its_answers_unasked_is_understood(coding: str) -> None:
    packed = (gzip.compress if coding == "gzip" else zlib.compress)(completion_of("OK"))
    with RawServer(once(answer(packed, f"Content-Encoding: {coding}"))) as server:
        assert asked(server.url).texts == ("OK",)
    broken = failure(once(answer(b"\x1f\x8b broken", "Content-Encoding: gzip")))
    assert "something that is not JSON" in str(broken)


def test_answers_are_asked_for_as_they_are() -> None:
    seen = []

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await read_request(reader))[1])
        writer.write(answer(completion_of("OK")))
        await reader.read()

    with RawServer(converse) as server:
        asked(server.url)
    assert seen[0]["accept-encoding"] == "identity"
    assert set(seen[0]) == {
        "host",
        "accept",
        "accept-encoding",
        "authorization",
        "content-length",
        "content-type",
        "user-agent",
    }


# TLS -----------------------------------------------------------------------------------------------------------------


def test_a_server_with_a_trusted_certificate_is_called_over_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with RawServer(always(answer(completion_of("OK"))), tls=True) as server:
        assert asked(server.url).texts == ("OK",)


def test_a_certificate_that_nobody_vouches_for_is_told_and_not_trusted() -> None:
    with RawServer(always(answer(completion_of("OK"))), tls=True) as server, pytest.raises(TransientError) as caught:
        asked(server.url)
    assert caught.value.at == "address"
    assert f"No secure connection to {server.url}: self" in str(caught.value)
    assert "Check the address and the server's certificate." in str(caught.value)


def test_a_certificate_for_another_name_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with RawServer(always(answer(completion_of("OK"))), tls=True) as server, pytest.raises(TransientError) as caught:
        asked(f"https://127.0.0.2:{server.port}/v1" if os.name != "nt" else server.url)
    assert caught.value.at == "address"


# Proxies -------------------------------------------------------------------------------------------------------------


def test_a_proxy_carries_the_call_and_gets_its_own_password(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(answer(completion_of("OK")))
        await reader.read()

    with RawServer(converse) as proxy:
        monkeypatch.setenv("http_proxy", f"me:pass@127.0.0.1:{proxy.port}")
        assert asked("http://model.invalid/v1").texts == ("OK",)
    line, headers, _ = seen[0]
    assert line == "POST http://model.invalid/v1/chat/completions HTTP/1.1"
    assert headers["proxy-authorization"] == "Basic bWU6cGFzcw=="
    assert headers["authorization"] == f"Bearer {KEY}"


def test_a_proxy_learns_nothing_of_a_call_over_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(answer(b"", status="407 Proxy Authentication Required"))
        await reader.read()

    with RawServer(refuse) as proxy:
        monkeypatch.setenv("https_proxy", f"http://me:pass-word@127.0.0.1:{proxy.port}")
        with pytest.raises(TransientError) as caught:
            asked("https://model.invalid/v1")
    assert "did not let the call through to https://model.invalid/v1: 407 Proxy Authentication" in str(caught.value)
    assert caught.value.at == "address"
    line, headers, body = seen[0]
    assert (line, body) == ("CONNECT model.invalid:443 HTTP/1.1", b"")
    assert "authorization" not in headers
    shown = "".join(traceback.format_exception(caught.value))
    assert "pass-word" not in shown
    assert KEY not in shown


def test_a_tunnel_through_a_proxy_ends_at_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        there, thither = await asyncio.open_connection("127.0.0.1", server.port)

        async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                target.write(data)

        try:
            async with asyncio.timeout(10):
                await asyncio.wait(
                    [asyncio.create_task(pump(reader, thither)), asyncio.create_task(pump(there, writer))],
                    return_when=asyncio.FIRST_COMPLETED,
                )
        finally:
            thither.transport.abort()

    # The name is one that only the proxy knows, and not loopback, which no proxy is asked for.
    monkeypatch.setattr("dataflow_core.serving.http_client.is_loopback", lambda _: False)
    with RawServer(always(answer(completion_of("OK"))), tls=True) as server, RawServer(tunnel) as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        assert asked(f"https://localhost:{server.port}/v1").texts == ("OK",)
        assert (server.connections, proxy.connections) == (1, 1)


def test_hosts_that_no_proxy_names_are_called_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", ".invalid")
    with pytest.raises(TransientError, match=r"the name “model\.invalid” is not known"):
        asked("http://model.invalid/v1")


def test_a_proxy_whose_name_is_unknown_is_told_from_an_unknown_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://proxy.invalid:3128")
    with pytest.raises(TransientError, match=r"could not be called\. The proxy named in .* its name is not known"):
        asked("http://model.invalid/v1")


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "gopher://127.0.0.1:9", "http://", "http://a b"])
def test_a_proxy_that_cannot_be_used_is_the_users_to_correct(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(ConfigurationError, match="ALL_PROXY cannot be used"):
        asked("http://model.invalid/v1")


# Secrets -------------------------------------------------------------------------------------------------------------


def test_neither_a_password_file_nor_a_cookie_is_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    seen = []

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            seen.append((await read_request(reader))[1])
            writer.write(answer(completion_of("OK"), "Set-Cookie: id=1; Path=/"))

    async def ask(serving: OpenAIServing) -> None:
        await serving.complete(QUESTION)

    with RawServer(converse) as server:
        use(server.url, ask, ask, key="")
    assert len(seen) == 2
    assert all("authorization" not in headers and "cookie" not in headers for headers in seen)


def test_a_header_of_the_environment_that_cannot_be_sent_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-\n1")
    with pytest.raises(ConfigurationError, match="The header OpenAI-Organization") as caught:
        asked("http://127.0.0.1:9/v1")
    assert "org-" not in str(caught.value)


def test_no_log_shows_the_key_or_the_prompt(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with RawServer(once(answer(completion_of("OK")))) as server:
        asked(server.url, Prompt("v1", messages=(Message("user", "a private matter"),)))
    assert KEY not in caplog.text
    assert "private matter" not in caplog.text
