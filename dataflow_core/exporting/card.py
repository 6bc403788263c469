"""The dataset card: README.md, with the header by which the Hub finds licence, languages, files and splits.

The header is that of https://github.com/huggingface/hub-docs/blob/main/datasetcard.md. All that comes from records,
runs and people is escaped: to the reader of the card it is text, never markup.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dataflow_core.exporting.about import LICENCES, About, language_codes
from dataflow_core.exporting.manifest import Manifest
from dataflow_core.exporting.measures import ANSWER, QUESTION, TURNS, Measures
from dataflow_core.exporting.parts import Part
from dataflow_core.models import Fields, ReviewStatus
from dataflow_core.storage.contents import RunAbout

NAME = "README.md"
#: Rows of a table at most; what has fewer records is counted together.
_MOST_ROWS = 25
_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"))
#: What ConsistentChat's authors measured of theirs: arXiv 2506.03558 (EMNLP 2025).
PUBLISHED = {TURNS: 15.5, QUESTION: 19.6, ANSWER: 59.0}
PAPER = "https://arxiv.org/abs/2506.03558"
_PUNCTUATION = re.compile(r"([!-+/:-@\[-`{-~]|(?<!\d)\.|\.(?!\d))")
_UNSEEN = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What the card is made of. `statuses` count the records of the same filters by what was decided of them."""

    manifest: Manifest
    parts: Sequence[Part]
    measures: dict[str, Measures]  # by generator
    runs: Mapping[str, RunAbout] = field(default_factory=dict)  # by id
    statuses: dict[ReviewStatus, int] = field(default_factory=dict)
    about_files: Sequence[tuple[str, str]] = ()  # their names, and what each is


def card(facts: CardFacts) -> str:
    import yaml  # only here, as it takes long to load

    head = yaml.safe_dump(header(facts), sort_keys=False, allow_unicode=True, width=1000)
    blocks = [
        f"# {escaped(title_of(facts))}",
        _introduction(facts),
        *_files(facts),
        *_makers(facts),
        *_review(facts),
        *_lengths(facts),
        *_licence(facts.manifest.about),
        *_again(facts.manifest),
    ]
    return f"---\n{head}---\n\n" + "\n\n".join(blocks) + "\n"


def title_of(facts: CardFacts) -> str:
    return facts.manifest.about.title or facts.manifest.name


def header(facts: CardFacts) -> Fields:
    """What the Hub reads, as values of YAML."""
    about, formats = facts.manifest.about, {part.format for part in facts.parts}
    asked_for = (str(run.params.get("language", "")) for run in facts.runs.values())
    languages = list(about.languages) or language_codes(asked_for)
    head: Fields = {"pretty_name": _visible(title_of(facts))}
    if about.licence:
        known = about.licence.strip().lower()
        head["license"] = known if known in LICENCES else "other"
        if known not in LICENCES:
            head["license_name"] = _visible(about.licence)
    if languages:
        head["language"] = languages
    head["size_categories"] = [_size(facts.manifest.records)]
    head["task_categories"] = ["text-generation"]
    tags = ["synthetic", "dataflow-studio"]
    tags += ["conversational"] if any(part.is_dialogues for part in facts.parts) else []
    head["tags"] = tags + (["preference", "dpo"] if "preference" in formats else ["sft"])
    head["configs"] = [
        {
            "config_name": part.name if len(facts.parts) > 1 else "default",
            "data_files": [{"split": split, "path": file.path.name} for split, file in part.files.items()],
        }
        for part in facts.parts
    ]
    return head


def escaped(text: str) -> str:
    """The text in one line that Markdown and HTML show as it is: no markup, no link, no mention, no picture."""
    return _PUNCTUATION.sub(r"\\\1", _visible(text)).replace("\\<", "&lt;").replace("\\>", "&gt;")


class _Markup(str):
    """Markdown that we wrote ourselves."""

    __slots__ = ()


def _code(name: str) -> _Markup:
    """A name as code, where nothing in it could end that."""
    return _Markup(f"`{name}`" if re.fullmatch(r"[\w.-]+", name) else escaped(name))


def _visible(text: str) -> str:
    return " ".join(_UNSEEN.sub("", text).split())


def _size(records: int) -> str:
    return next((name for most, name in _SIZES if records < most), "10M<n<100M")


def _introduction(facts: CardFacts) -> str:
    counts = " and ".join(f"{part.records:,} {escaped(part.name)}" for part in facts.parts)
    made = f"Written by {facts.manifest.program} on {facts.manifest.at[:10]}."
    left = f" {facts.manifest.left_out:,} that the format cannot take were left out." if facts.manifest.left_out else ""
    return f"{counts}, in the format `{facts.manifest.plan.format}`.{left} {made}"


def _files(facts: CardFacts) -> list[str]:
    rows = [
        (_code(file.path.name), part.name, split, f"{file.records:,}")
        for part in facts.parts
        for split, file in part.files.items()
    ]
    blocks = ["## Files", _table(("file", "records of", "split", "records"), rows)]
    if facts.about_files:
        blocks.append("\n".join(f"- {_code(name)}: {what}" for name, what in facts.about_files))
    return blocks


def _makers(facts: CardFacts) -> list[str]:
    blocks = ["## Where the records come from"]
    versions = {run_id: run.prompt_version for run_id, run in facts.runs.items()}
    models, prompts, intents = Counter[str](), Counter[str](), Counter[str]()
    for own in facts.measures.values():
        models.update(own.models)
        intents.update({intent: count for intent, count in own.intents.items() if intent})
        for run, count in own.runs.items():
            prompts[versions.get(run, "")] += count
    blocks.append(_counted("model", models, "written by a person"))
    if any(prompts):
        blocks.append(_counted("prompt version", prompts, "none"))
    if intents:
        blocks.append(_counted("intent", intents, ""))
    return blocks


def _review(facts: CardFacts) -> list[str]:
    edited, records = sum(own.edited for own in facts.measures.values()), facts.manifest.records
    sentences = [f"{edited:,} of the {records:,} records ({_share(edited, records)}) were edited by a person."]
    accepted = facts.statuses.get(ReviewStatus.ACCEPTED, 0)
    decided = accepted + facts.statuses.get(ReviewStatus.REJECTED, 0)
    if decided:
        sentences.append(
            f"Of {decided:,} records of these filters that were accepted or rejected, {accepted:,} "
            f"({_share(accepted, decided)}) were accepted."
        )
    others = [
        f"{count:,} {status.value}"
        for status, count in facts.statuses.items()
        if count and status not in (ReviewStatus.ACCEPTED, ReviewStatus.REJECTED)
    ]
    if others:
        sentences.append(f"Not decided, or put aside: {', '.join(others)}.")
    return ["## Review", " ".join(sentences)]


def _lengths(facts: CardFacts) -> list[str]:
    blocks = ["## Lengths", "Words are what stands between blanks."]
    is_dialogues = False
    for part in facts.parts:
        own = facts.measures.get(part.generator, Measures())
        rows = []
        for name, length in list(own.lengths.items())[:_MOST_ROWS]:
            label = name if part.is_dialogues else f"words in {_visible(name)}"
            row = (label, f"{length.mean:,.1f}", f"{length.least:,}", f"{length.most:,}")
            rows.append((*row, f"{PUBLISHED[name]:g}") if part.is_dialogues else row)
        heads = (part.name, "mean", "least", "most")
        blocks.append(_table((*heads, "ConsistentChat, mean") if part.is_dialogues else heads, rows))
        is_dialogues = is_dialogues or part.is_dialogues
    if is_dialogues:
        blocks.append(
            f"ConsistentChat: as its authors published it ([arXiv 2506.03558]({PAPER})): about 15,000 dialogues, "
            "1,551 to 1,637 an intent, in English."
        )
    return blocks


def _licence(about: About) -> list[str]:
    said = escaped(about.licence) if about.licence else "None was given with this export."
    return ["## Licence", said, "What models wrote may be subject to the terms of those who offer them."]


def _again(manifest: Manifest) -> list[str]:
    lines = [
        "## How to reproduce",
        "`manifest.json` names every file with its SHA-256, the filters and settings, and in `records.jsonl.gz` each "
        "record with its revision. With the workspace that it was made from, the same files are made again by:",
        "```\npython -m dataflow_core exports again manifest.json -o again --workspace WORKSPACE\n```",
    ]
    if manifest.plan.query.runs:
        lines.append(f"Only these runs: {', '.join(map(_code, manifest.plan.query.runs[:_MOST_ROWS]))}.")
    lines.append(
        "A run is saved as one file with its settings, inputs and prompts, to be run again, by "
        "`python -m dataflow_core save RUN -o run.yaml`."
    )
    return lines


def _counted(what: str, counts: Counter[str], if_none: str) -> str:
    common = counts.most_common(_MOST_ROWS)
    rest = counts.total() - sum(count for _, count in common)
    rows = [(name or if_none, f"{count:,}") for name, count in common if count]
    return _table((what, "records"), [*rows, ("others", f"{rest:,}")] if rest else rows)


def _table(heads: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [list(map(escaped, heads))]
    lines.append(["---"] * len(lines[0]))
    lines += [[cell if isinstance(cell, _Markup) else escaped(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "0 %"
