"""What a person says of an export besides its records."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from dataflow_core.errors import UsageError

#: What the Hub calls licences that it knows: https://huggingface.co/docs/hub/repositories-licenses
LICENCES = (
    "apache-2.0", "mit", "openrail", "bigscience-openrail-m", "creativeml-openrail-m", "bigscience-bloom-rail-1.0",
    "bigcode-openrail-m", "afl-3.0", "artistic-2.0", "bsl-1.0", "bsd", "bsd-2-clause", "bsd-3-clause",
    "bsd-3-clause-clear", "c-uda", "cc", "cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0",
    "cc-by-sa-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0",
    "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cdla-sharing-1.0",
    "cdla-permissive-1.0", "cdla-permissive-2.0", "wtfpl", "ecl-2.0", "epl-1.0", "epl-2.0", "etalab-2.0", "eupl-1.1",
    "eupl-1.2", "agpl-3.0", "gfdl", "gpl", "gpl-2.0", "gpl-3.0", "lgpl", "lgpl-2.1", "lgpl-3.0", "isc", "lppl-1.3c",
    "ms-pl", "mpl-2.0", "odc-by", "odbl", "osl-3.0", "postgresql", "ofl-1.1", "ncsa", "unlicense", "zlib", "pddl",
)  # fmt: skip
#: Languages as a run may be asked for them, to their ISO 639-1 codes.
_LANGUAGES = {
    "arabic": "ar", "bengali": "bn", "chinese": "zh", "czech": "cs", "danish": "da", "dutch": "nl", "english": "en",
    "finnish": "fi", "french": "fr", "german": "de", "greek": "el", "hebrew": "he", "hindi": "hi", "hungarian": "hu",
    "indonesian": "id", "italian": "it", "japanese": "ja", "korean": "ko", "norwegian": "no", "persian": "fa",
    "polish": "pl", "portuguese": "pt", "romanian": "ro", "russian": "ru", "spanish": "es", "swedish": "sv",
    "thai": "th", "turkish": "tr", "ukrainian": "uk", "vietnamese": "vi",
}  # fmt: skip
_CODE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{1,8})*|code|multilingual")


@dataclass(frozen=True, slots=True)
class About:
    """For the card. "" and () for what nobody has said.

    `licence` is one of `LICENCES` or any other text. `languages` are ISO 639 codes ("en"); where none are given, they
    are those that the runs were asked for. Raises `UsageError` for what is no code.
    """

    title: str = ""
    licence: str = ""
    languages: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for code in self.languages:
            if not _CODE.fullmatch(code):
                raise UsageError(f"{code!r} is no code of a language. Give one such as en, de or zh.")


def language_codes(names: Iterable[str]) -> list[str]:
    """The codes of these languages, those left out that are not known here."""
    found = (_LANGUAGES.get(name.strip().lower(), "") for name in names)
    return list(dict.fromkeys(code for code in found if code))
