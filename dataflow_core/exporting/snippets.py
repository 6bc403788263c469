"""What trainers other than LLaMA-Factory are told of an export: an Axolotl configuration and programs for TRL.

From https://docs.axolotl.ai (dataset formats: conversation, inst_tune, rlhf) and https://huggingface.co/docs/trl
(dataset_formats, sft_trainer, dpo_trainer).
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from dataflow_core.exporting.parts import ONLY, Part
from dataflow_core.exporting.shapes import Completion, Instruction, Messages, Preference, Shape, shape_of
from dataflow_core.models import Fields

AXOLOTL = "axolotl.yaml"
#: The model that both begin with, until another is put in its place.
MODEL = "Qwen/Qwen2.5-0.5B-Instruct"


def axolotl_yaml(parts: Sequence[Part]) -> str:
    """A configuration with the datasets that Axolotl reads as they are; "" where there is none."""
    import yaml  # only here, as it takes long to load

    by_split: dict[str, list[Fields]] = {}
    is_ranking = False
    for part in parts:
        for split, file in part.files.items():
            shape = shape_of(part, part.rows[split])
            told = _axolotl_type(shape)
            if told is None:
                continue
            # A file is named and its kind said, for a local one has but the split "train" whatever is in it.
            entry: Fields = {"path": file.path.name, "ds_type": "json", "split": "train", **told}
            by_split.setdefault(split, []).append(entry)
            is_ranking = is_ranking or isinstance(shape, Preference)
    if ONLY not in by_split:
        return ""
    config: Fields = {"base_model": MODEL}
    if is_ranking:
        config["rl"] = "dpo"
    config["datasets"] = by_split[ONLY]
    if "validation" in by_split:
        config["test_datasets"] = by_split["validation"]
    notes = (
        "# Axolotl: put your own model and settings in place. Paths are seen from the folder that it is started in.\n"
    )
    return notes + yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=120)


def _axolotl_type(shape: Shape | None) -> Fields | None:
    match shape:
        case Messages():
            told: Fields = {
                "type": "chat_template",
                "field_messages": shape.column,
                "message_property_mappings": {"role": shape.role, "content": shape.content},
                "roles": {"user": [shape.user], "assistant": [shape.assistant], "system": ["system"]},
            }
            # The column stands in every row, and even an empty text in it would become a system turn.
            return told | {"drop_system_message": True} if shape.system and not shape.has_system else told
        case Instruction(history=""):
            texts = {"field_instruction": shape.prompt, "field_output": shape.response}
            if shape.query:
                texts["field_input"] = shape.query
            if shape.system:
                texts["field_system"] = shape.system
            return {"type": {**texts, "format": "{instruction}\n{input}", "no_input_format": "{instruction}"}}
        case Completion(is_messages=False):
            texts = {"field_instruction": "prompt", "field_output": "completion"}
            return {"type": {**texts, "format": "{instruction}", "no_input_format": "{instruction}"}}
        case Preference():
            fields = {"field_messages": "prompt", "field_chosen": "chosen", "field_rejected": "rejected"}
            return {"type": "chat_template.default", **fields}
        case _:  # Alpaca's history is not read
            return None


def trl_program(part: Part) -> str:
    """A program that trains with TRL on the part; "" where TRL has no use for its shape."""
    if ONLY not in part.files or (shape := shape_of(part, part.rows[ONLY])) is None:
        return ""
    trainer, settings = ("DPOTrainer", "DPOConfig") if isinstance(shape, Preference) else ("SFTTrainer", "SFTConfig")
    files = {split: file.path.name for split, file in part.files.items()}
    evaluated = '    eval_dataset=dataset["validation"],\n' if "validation" in files else ""
    return _PROGRAM.format(
        trainer=trainer,
        settings=settings,
        model=_quoted(MODEL),
        files="".join(f"    {_quoted(split)}: {_quoted(name)},\n" for split, name in files.items()),
        change=_change(shape),
        evaluated=evaluated,
    )


def trl_name(part: Part, parts: Sequence[Part]) -> str:
    """What the program is called; never trl.py, which would be imported in place of TRL."""
    return "train_with_trl.py" if len(parts) == 1 else f"train_with_trl_{part.name}.py"


_PROGRAM = '''\
"""Train on this export with TRL: pip install trl datasets. Put your own model in place."""

from datasets import load_dataset
from trl import {settings}, {trainer}

files = {{
{files}}}
dataset = load_dataset("json", data_files=files)
{change}
trainer = {trainer}(
    model={model},
    args={settings}(output_dir="trained"),
    train_dataset=dataset["train"],
{evaluated})
trainer.train()
'''


def _change(shape: Shape) -> str:
    """The lines that turn the rows into what TRL reads; "" where they are that already."""
    if isinstance(shape, Instruction):
        return _AS_MESSAGES.format(before="", lines=_of_instruction(shape))
    if not isinstance(shape, Messages) or shape == Messages(has_system=shape.has_system):
        return ""
    roles = {shape.user: "user", shape.assistant: "assistant"}
    turn = f'{{"role": roles[turn[{_quoted(shape.role)}]], "content": turn[{_quoted(shape.content)}]}}'
    lines = [f"messages = [{turn} for turn in row[{_quoted(shape.column)}]]"]
    return _AS_MESSAGES.format(before=f"roles = {json.dumps(roles)}\n", lines=_indented(lines + _system(shape.system)))


def _of_instruction(shape: Instruction) -> str:
    asked = ", ".join(f"row[{_quoted(name)}]" for name in (shape.prompt, shape.query) if name)
    lines = [
        f'asked = "\\n".join(text for text in [{asked}] if text)',
        f'turns = [("user", asked), ("assistant", row[{_quoted(shape.response)}])]',
    ]
    if shape.history:
        lines += [
            f"for question, answer in reversed(row[{_quoted(shape.history)}]):",
            '    turns = [("user", question), ("assistant", answer), *turns]',
        ]
    lines.append('messages = [{"role": role, "content": text} for role, text in turns]')
    return _indented(lines + _system(shape.system))


def _system(column: str) -> list[str]:
    if not column:
        return []
    message = f'{{"role": "system", "content": row[{_quoted(column)}]}}'
    return [f"if row[{_quoted(column)}]:", f"    messages = [{message}, *messages]"]


_AS_MESSAGES = """{before}

def as_messages(row):
{lines}
    return {{"messages": messages}}


dataset = dataset.map(as_messages).select_columns(["messages"])
"""


def _indented(lines: Sequence[str]) -> str:
    return "\n".join(f"    {line}" for line in lines)


def _quoted(text: str) -> str:
    """The text as Python and JSON write it alike, whatever characters it holds."""
    return json.dumps(text)
