"""Why no complete answer came: what is told of a line that broke, or never stood."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

import aiohttp

from dataflow_core.errors import ServingError, TransientError
from dataflow_core.serving.openai_errors import Reach, blaming, cut

_THE_PROXY = "The proxy named in HTTP_PROXY, HTTPS_PROXY or ALL_PROXY"


def explain_silence(reach: Reach, error: Exception) -> ServingError:
    """The error to raise when no complete answer came: each is worth another try, for servers come back."""
    causes = list(_causes(error))
    for cause in causes:
        sentence = _nobody_there(reach, cause)
        if sentence is not None:
            return blaming("address", TransientError(sentence))
    connector = next((cause for cause in causes if isinstance(cause, aiohttp.ClientConnectorError)), None)
    if connector is not None:
        number = connector.os_error.errno
        if number in (errno.EMFILE, errno.ENFILE):  # fewer calls at a time are what helps
            sentence = f"This computer allows no more open connections, so {reach.base_url} could not be called."
            return TransientError(f"{sentence} Allow fewer calls at a time.", is_throttle=True)
        reason = os.strerror(number).lower() if number else "no connection"
        if isinstance(connector, aiohttp.ClientProxyConnectionError):
            sentence = f"{reach.base_url} could not be called. {_THE_PROXY} does not answer: {reason}."
        else:
            sentence = f"Nothing answers at {reach.base_url}: {reason}. Check host and port."
        return blaming("address", TransientError(sentence))
    return TransientError(f"{reach.base_url} broke off the connection before its answer was complete.")


def _nobody_there(reach: Reach, cause: BaseException) -> str | None:
    at = f"Nothing answers at {reach.base_url}"
    if isinstance(cause, aiohttp.ClientHttpProxyError):
        refusal = f"{cause.status} {cut(reach.scrub(cause.message))}".strip()
        return f"{_THE_PROXY} did not let the call through to {reach.base_url}: {refusal}."
    if isinstance(cause, aiohttp.ClientResponseError):
        return f"What answers at {reach.base_url} does not speak HTTP. Check host and port."
    if isinstance(cause, aiohttp.InvalidURL):
        return f"{reach.base_url} is not an address. Check its host."
    if isinstance(cause, ssl.SSLError | ssl.CertificateError) and not isinstance(cause, aiohttp.ClientError):
        return _explain_tls(reach, cause)
    if isinstance(cause, socket.gaierror):
        if reach.via_proxy:
            return f"{reach.base_url} could not be called. {_THE_PROXY} does not answer: its name is not known."
        host = urlsplit(reach.base_url).hostname
        return f"{at}: the name “{host}” is not known. Check its spelling and the network connection."
    if isinstance(cause, ConnectionRefusedError):
        if reach.via_proxy:
            return f"{reach.base_url} could not be called. {_THE_PROXY} does not answer: connection refused."
        return f"{at}: connection refused. Is the server running?"
    if isinstance(cause, aiohttp.ConnectionTimeoutError):
        return f"{at}: no connection within the time limit. Check host and port."
    return None


def _explain_tls(reach: Reach, error: ssl.SSLError | ssl.CertificateError) -> str:
    kind = getattr(error, "reason", None)
    if kind in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"):
        return f"The server at {reach.base_url} does not speak https. Does its address begin with http:// instead?"
    reason = getattr(error, "verify_message", None) or kind or "the handshake failed"
    return f"No secure connection to {reach.base_url}: {reason}. Check the address and the server's certificate."


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The chain behind an error, with what a group of attempts failed of (one a resolved address)."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for member in error.exceptions:
                yield from _causes(member)
        error = error.__cause__ or error.__context__
