"""What gives a text away: a model's chatter, markup that was left in it, a label that stands in it, a missing end."""

from __future__ import annotations

import re

from dataflow_core.checks.words import length

_REFUSED = (
    r"(?:assist|help|fulfil|fulfill|provide|comply|complete|generate|create|write|answer|access|perform|process|do)"
)
#: A sentence to the person who asked, where a task belongs.
_CHATTER = re.compile(
    r"[\W_]*(?:"
    r"(?:sure|surely|certainly|of course|absolutely|understood|got it)\b ?[,!.:]"
    r"|(?:sure|certainly|okay|ok|great)\b[,!.: ]+(?:here|i can|i'll|i will|i'd|let's|let me)\b"
    r"|here(?:'s| is| are) (?:an?|the|your|one|some|two|three|my (?:suggestion|attempt|answer))\b"
    r"|as an ai(?:,| i\b| (?:language )?model\b| assistant\b| chatbot\b)|as a (?:large )?language model\b"
    rf"|i(?:'m| am) (?:sorry|unable|just an ai|an ai\b)|i apologi[sz]e\b|i (?:can'?t|cannot|can not) {_REFUSED}\b"
    r"|当然[,，!！。]|好的[,，!！。]|抱歉|对不起|作为(?:一个|一名)?(?:ai|人工智能)"
    r")"
)
_CLOSING = re.compile(
    r"(?:\bhope (?:this|that) helps|\blet me know if you(?:'d|'re| would| need| want| have)\b[^.!?]*)[.!?\s]*$"
)
#: The same in a user's turn, where "Sure, …" or "I'm sorry, …" is what a user says as well.
_CHATTER_OF_USER = re.compile(
    r"[\W_]*(?:"
    r"(?:(?:sure|certainly|of course|absolutely|okay|ok)\b[,!.: ]+)?here(?:'s| is| are) (?:an?|the|your|one|some) "
    r"(?:(?:possible|next|first|second|third|final|follow-up|user|user's|sample|example|natural|new) )*"
    r"(?:message|messages|turn|turns|response|reply|question|questions|query|queries|dialogue|conversation|skeleton)\b"
    r"[^.!?\n]{0,60}:"
    r"|as an? (?:ai|(?:ai |large )?language model),? i\b"
    rf"|(?:i(?:'m| am) sorry,? (?:but )?)?i(?:'m| am) (?:just an ai\b|an ai language model"
    rf"|unable to {_REFUSED} (?:with )?(?:that|this|your))"
    rf"|(?:i(?:'m| am) sorry,? (?:but )?)?i (?:can'?t|cannot) (?:assist|help you|comply|fulfil|fulfill)\b"
    r"|(?:sure|certainly|of course|absolutely)[,!] i(?:'d| would) be happy to"
    r"|作为(?:一个|一名)?(?:ai|人工智能)[^,，]{0,6}[,，]?我"
    r")"
)
_LANGUAGE_MODEL = re.compile(
    r"\bas an (?:ai|artificial intelligence)(?: language)? model\b|\bas a (?:large )?language model\b"
    r"|作为(?:一个|一名)?(?:ai|人工智能)?语言模型"
)
_MARKUP = re.compile(r"```|^#{1,6}\s|\n#{2,6}\s|^\*\*[^*\n]{1,60}\*\*|</?(?:think|thinking|answer|task)>|<\|\w+\|>")
_MARK = re.compile("[`#*<]")
_LABEL = re.compile(
    r"\b(?:atomic|atom|parallel|subsequent|composition)[ _-]task\b|\btask ?#?[1-4]\b(?![.,]\d)"
    r"|原子任务|并行任务|后续任务|组合任务"
)
_ROLE_LABEL = re.compile(
    r"[\s*#\[<(]*(?:user|assistant|human|chatbot|用户|助手|benutzer|assistent)(?: ?\d+)?[\]>)*]* ?[:：]"
)
#: No sentence ends with these, not even where its full stop was forgotten.
_DANGLING = re.compile(r"\s(?:and|or|but|nor|the|an|your|my|our|their|because|than|whether|every|und|oder|sowie)$")
_DANGLING_BEFORE_STOP = re.compile(r"\s(?:and|or|the|an|your|my|our|their)[.…]+$")
_ENDS = ".!?。！？।…"
_CLOSERS = "\"'”’)]}»」』"
_OPENING, _CLOSING_BRACKETS = "([{（「『", ")]}）」』"
#: A letter's "Best regards," ends with a comma; a line longer than that was to go on.
_LONGEST_CLOSE_OF_LETTER = 2
_ENDS_SHOWN = 200


def is_chatter(text: str) -> bool:
    folded = _straight(text)
    return bool(_CHATTER.match(folded) or _CLOSING.search(folded))


def is_chatter_of_user(text: str) -> bool:
    return bool(_CHATTER_OF_USER.match(_straight(text)))


def speaks_as_model(text: str) -> bool:
    folded = text.casefold()
    return ("model" in folded or "模型" in folded) and bool(_LANGUAGE_MODEL.search(folded))


def markup_in(text: str) -> str:
    """The first piece of markup; "" where there is none."""
    found = _MARKUP.search(text) if _MARK.search(text) else None
    return found[0].strip() if found else ""


def label_in(text: str, names: tuple[str, ...]) -> str:
    """The label that stands in the text as it is written there: "Parallel task", or one of the `names` of fields."""
    folded = text.casefold()
    if "task" in folded or "任务" in folded:
        found = _LABEL.search(folded)
        if found:
            return found[0]
    return next((name for name in names if name.casefold() in folded), "")


def starts_with_role(text: str) -> bool:
    return bool(_ROLE_LABEL.match(text[:40].casefold()))


def is_cut_off(text: str) -> bool:
    """Whether it ends in the middle: after a comma, after "and" or "the", inside a quotation or brackets."""
    text = text.rstrip()
    last = text[-1:]
    if not last:
        return False
    if last in ",，、" or last in _OPENING:
        return not _is_smiley(text) and length(text[text.rfind("\n") + 1 :]) > _LONGEST_CLOSE_OF_LETTER
    tail = text[-24:].casefold()
    if last in _ENDS or last in _CLOSERS:
        return bool(_DANGLING_BEFORE_STOP.search(tail))
    return bool(_DANGLING.search(tail)) or _is_open(text)


def _is_smiley(text: str) -> bool:
    return text[-2:-1] in tuple(":;-")


def _is_open(text: str) -> bool:
    if "```" in text or _is_smiley(text):
        return False
    if '"' in text and text.count('"') % 2 and not re.search(r'\d"', text):  # 15" is a length
        return True
    if "“" in text and "„" not in text and text.count("“") > text.count("”"):
        return True
    return sum(map(text.count, _OPENING)) > sum(map(text.count, _CLOSING_BRACKETS))


def _straight(text: str) -> str:
    """Its beginning and its end, casefolded, with plain apostrophes."""
    shown = text if len(text) <= 2 * _ENDS_SHOWN else f"{text[:_ENDS_SHOWN]}\n{text[-_ENDS_SHOWN:]}"
    return shown.casefold().replace("’", "'")
