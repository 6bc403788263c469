"""Pushes an export to the Hugging Face Hub, as one commit to a dataset repository.

The token is that of the environment's HF_TOKEN. It is handed to `huggingface_hub` alone, and is in no message.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from dataflow_core.errors import DataflowError, UsageError
from dataflow_core.settings import PROGRAM, VERSION

if TYPE_CHECKING:
    from huggingface_hub import HfApi

TOKEN, ENDPOINT = "HF_TOKEN", "HF_ENDPOINT"
_TOKENS = "https://huggingface.co/settings/tokens"
#: Seconds between tries where the Hub has a problem of its own.
_PAUSES = (1.0, 4.0)
_PASSING = (429, 500, 502, 503, 504)
#: "owner/name", or a name alone for the token's owner, as the Hub takes them.
_REPO = re.compile(r"(?:[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?/)?[A-Za-z0-9_](?:[\w.-]{0,94}[A-Za-z0-9_])?", re.ASCII)
_ADDRESS = re.compile(r"[\x21-\x7e]+")
#: What a terminal would obey: sequences that begin with ESC or its one-byte kin, and single control characters.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?|\x1b[ -/]*[0-~]?"
)
_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")

T = TypeVar("T")


class PushError(DataflowError):
    """The Hub has not taken the export; the message says why, and what to do. Nothing of it is to be seen there."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """`url` is where the dataset is to be seen, `commit` the id of what was stored."""

    repo: str
    url: str
    commit: str
    is_private: bool
    files: int


#: Told what is being done, in a few words.
Told = Callable[[str], None]


def push_files(
    files: Sequence[Path],
    repo: str,
    *,
    is_private: bool = True,
    message: str = "Export",
    progress: Told | None = None,
    environ: Mapping[str, str] = os.environ,
    pause: Callable[[float], None] = time.sleep,
) -> Pushed:
    """Put the files into the dataset repository `repo` ("owner/name") by one commit; it is made where it is not there.

    What else is in the repository stays. Where it is public already, `is_private` has to be False: nothing that was
    meant to be private is shown. Raises `UsageError` for a name that cannot be, a missing token or a missing library,
    and `PushError` where the Hub does not take them.
    """
    if not _REPO.fullmatch(repo) or ".." in repo or "--" in repo or repo.endswith(".git"):
        raise UsageError(
            f"“{repo}” is no name of a repository: it is of letters, digits, “-”, “_” and “.”, such as "
            "your-name/your-dataset."
        )
    hub = _Hub(repo, environ, progress or (lambda _: None), pause)
    with hub.in_sentences():
        return hub.push(files, is_private=is_private, message=message)


class _Hub:
    def __init__(self, repo: str, environ: Mapping[str, str], tell: Told, pause: Callable[[float], None]) -> None:
        endpoint = _endpoint_of(environ)
        self._token = environ.get(TOKEN, "").strip()
        if not self._token:
            raise UsageError(
                f"Pushing needs a token of the Hugging Face Hub in the environment variable {TOKEN}. Make one with the "
                f"right to write at {_TOKENS}, set the variable, and start this program again."
            )
        self._repo = repo
        self._tell = tell
        self._pause = pause
        self._api = _api(self._token, endpoint)
        self._endpoint = str(self._api.endpoint)

    def push(self, files: Sequence[Path], *, is_private: bool, message: str) -> Pushed:
        from huggingface_hub import CommitOperationAdd

        self._tell("Looking for the repository")
        made = self._tried(
            lambda: self._api.create_repo(self._repo, repo_type="dataset", private=is_private, exist_ok=True)
        )
        repo = made.repo_id
        is_shown = not self._tried(lambda: self._api.repo_info(repo, repo_type="dataset")).private
        if is_shown and is_private:
            raise PushError(
                f"{repo} is public already, and this was to be private, so nothing was sent. Choose another name, make "
                "the repository private on the Hub, or push it as public."
            )
        with ExitStack() as stack:
            stack.enter_context(_quiet())
            additions = []
            for number, path in enumerate(files, start=1):
                self._tell(f"Sending {path.name} ({number} of {len(files)}, {_size(path)})")
                # An open file goes to the Hub itself by plain HTTP; of a path, the library sends the content elsewhere.
                addition = CommitOperationAdd(path.name, stack.enter_context(path.open("rb")))
                self._api.preupload_lfs_files(repo, [addition], repo_type="dataset", free_memory=False)
                additions.append(addition)
            self._tell("Committing")
            commit = self._tried(
                lambda: self._api.create_commit(repo, additions, commit_message=message, repo_type="dataset")
            )
        return Pushed(repo, f"{self._endpoint}/datasets/{repo}", str(commit.oid), not is_shown, len(files))

    def _tried(self, call: Callable[[], T]) -> T:
        """Call again after a while where the Hub has a problem of its own: the library does so only for some calls."""
        from huggingface_hub.errors import HfHubHTTPError

        for seconds in _PAUSES:
            try:
                return call()
            except HfHubHTTPError as error:
                if error.response.status_code not in _PASSING:
                    raise
            self._tell("The Hub has a problem of its own; trying again")
            self._pause(seconds)
        return call()

    @contextmanager
    def in_sentences(self) -> Iterator[None]:
        """Raises `PushError` for whatever the Hub, the network and the library say."""
        from httpx2 import HTTPError, InvalidURL
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

        try:
            yield
        except OfflineModeIsEnabled:
            raise PushError("The variable HF_HUB_OFFLINE forbids to reach the Hub. Take it away first.") from None
        except HfHubHTTPError as error:
            raise PushError(self._refusal(error.response.status_code, error.server_message or "")) from None
        except (HTTPError, InvalidURL, OSError, RuntimeError) as error:
            # An upload that fails for good is wrapped by the library into a RuntimeError.
            cause = error.__cause__ if isinstance(error, RuntimeError) else error
            if isinstance(cause, HfHubHTTPError):
                raise PushError(self._refusal(cause.response.status_code, cause.server_message or "")) from None
            raise PushError(
                f"The Hub cannot be reached at {self._endpoint} ({type(cause or error).__name__}). Check the network, "
                "and push again."
            ) from None
        except (HFValidationError, ValueError) as error:
            raise PushError(
                f"The Hub does not take this export: {self._without_token(_one_line(str(error)))[:300]}"
            ) from None

    def _refusal(self, status: int, said: str) -> str:
        said = self._without_token(_one_line(said))[:300]
        detail = f" It says: {said}" if said else ""
        owner = self._repo.partition("/")[0] if "/" in self._repo else "the owner"
        match status:
            case 401:
                return (
                    f"The Hub does not accept the token in {TOKEN}: it is wrong, or was withdrawn. Make one with the "
                    f"right to write at {_TOKENS}."
                )
            case 403:
                return (
                    f"The token in {TOKEN} may not write to {self._repo}: it needs the right to write, and {owner} has "
                    f"to be you or an organization of yours.{detail}"
                )
            case 404:
                return (
                    f"The Hub knows no {self._repo} that this token may write to. Check the name, and that {owner} is "
                    f"you or an organization of yours.{detail}"
                )
            case 429:
                return "The Hub was called too often, and asks to wait. Push again in some minutes."
            case status if status >= 500:
                return f"The Hub has a problem of its own ({status}), also after several tries. Push again later."
            case _:
                return f"The Hub does not take this export ({status}).{detail}"

    def _without_token(self, text: str) -> str:
        return text.replace(self._token, "…")


def _api(token: str, endpoint: str) -> HfApi:
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.utils.tqdm import disable_progress_bars
    except ImportError:
        raise UsageError(
            "Pushing needs the package huggingface_hub. Install it with: pip install 'dataflow-studio[hub]'"
        ) from None
    disable_progress_bars()  # they would be drawn between what is told here
    return HfApi(endpoint=endpoint or None, token=token, library_name=PROGRAM, library_version=VERSION)


def _endpoint_of(environ: Mapping[str, str]) -> str:
    """The address that the environment gives, "" for the Hub's own. Raises `UsageError`, which shows no password."""
    given = environ.get(ENDPOINT, "").strip().rstrip("/")
    if not given:
        return ""
    try:
        address = urlsplit(given)
        is_address = address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
        is_address = is_address and not address.query and not address.fragment
    except ValueError:
        is_address = False
    if not is_address or not _ADDRESS.fullmatch(given):
        shown = "" if "@" in given else f" (“{_one_line(given)[:100]}”)"
        raise UsageError(
            f"The variable {ENDPOINT}{shown} is no address of a Hub, such as https://huggingface.co. Correct it, or "
            "take it away to push to the Hub itself."
        )
    if "@" in address.netloc:
        raise UsageError(
            f"The variable {ENDPOINT} holds a user name or a password, which would be sent in place of the token. Set "
            f"it to {address._replace(netloc=address.netloc.rpartition('@')[2]).geturl()}, and {TOKEN} to the token."
        )
    return given


def _one_line(text: str) -> str:
    """What others say, as it can be shown: in one line, without colours and the like for terminals."""
    return " ".join(_UNSHOWN.sub(" ", _ESCAPES.sub("", text)).split())


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the library from warning that open files are sent by plain HTTP, which is meant."""
    logger = logging.getLogger("huggingface_hub")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _size(path: Path) -> str:
    number = path.stat().st_size
    return f"{number / 1e6:,.1f} MB" if number >= 100_000 else f"{number / 1e3:,.1f} kB"
