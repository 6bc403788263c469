"""The command line's verbs for exports with all that goes along: zipped, listed, compared, made again, pushed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from dataflow_core.errors import UsageError
from dataflow_core.exporting.about import About
from dataflow_core.exporting.bundles import Bundles
from dataflow_core.exporting.comparison import Comparison, Difference
from dataflow_core.exporting.plan import ExportPlan, Told, WrittenExport
from dataflow_core.exporting.remaking import Remade
from dataflow_core.workspace import Workspace

#: Exit status of `exports compare` and `exports again` where something is not the same.
DIFFERENT = 3
#: Ids of records that are named of each kind.
_NAMED = 5


def add_along(export: argparse.ArgumentParser) -> None:
    """The options of `export` for what goes along."""
    along = export.add_argument_group("what goes along: card, manifest, and what trainers have to be told")
    how = along.add_mutually_exclusive_group()
    how.add_argument("--bundle", action="store_true", help="write all into a new folder, -o FOLDER")
    how.add_argument("--zip", action="store_true", help="write all into one zip, -o FILE.zip")
    along.add_argument("--title", default="", help="of the card (default: the name of the output)")
    along.add_argument("--licence", "--license", default="", metavar="NAME", help="such as mit or cc-by-4.0")
    along.add_argument("--language", action="append", default=[], metavar="CODE", help="such as en; may be repeated")


def add_exports(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> list[argparse.ArgumentParser]:
    """Adds `exports` and `push`; returns the parsers that are about a workspace."""
    exports = verbs.add_parser("exports", help="list exports, compare two of them, or make one again")
    what = exports.add_subparsers(required=True, metavar="WHAT", dest="what")
    listed = what.add_parser("list", help="list the exports in a folder")
    listed.add_argument("folder", metavar="FOLDER", nargs="?", help="(default: the workspace's own folder of exports)")
    compared = what.add_parser(
        "compare",
        help="say which records and settings differ",
        description="Compare two exports, each a folder, a zip or a manifest. The exit status is 3 where they differ.",
    )
    compared.add_argument("before", metavar="BEFORE")
    compared.add_argument("after", metavar="AFTER")
    compared.add_argument("--json", action="store_true", help="say it as JSON")
    again = what.add_parser(
        "again",
        help="write the same files once more, from their manifest",
        description="Make an export again: the same records at the same revisions. The exit status is 3 where a file "
        "is not the same byte for byte.",
    )
    again.add_argument("manifest", metavar="MANIFEST", help="manifest.json, or the folder or zip that it is in")
    again.add_argument("-o", "--output", metavar="FOLDER", required=True, help="a new folder")
    push = verbs.add_parser(
        "push",
        help="send an export to the Hugging Face Hub",
        description="Send an export to a dataset repository of the Hub, with the token of HF_TOKEN.",
    )
    push.add_argument("export", metavar="EXPORT", help="its folder or zip")
    push.add_argument("--repo", metavar="OWNER/NAME", required=True, help="made where it is not there")
    push.add_argument("--public", action="store_true", help="for everybody to see (default: private)")
    return [listed, again]


def write_bundle(
    workspace: Workspace, plan: ExportPlan, options: argparse.Namespace, progress: Told | None
) -> WrittenExport:
    output = Path(options.output)
    if options.zip and output.suffix != ".zip":
        raise UsageError(f"{output} is to be a zip: give it a name that ends in .zip.")
    if output.exists():
        raise UsageError(f"{output} is there already. Choose another name.")
    name = output.stem if options.zip else output.name
    about = About(options.title, options.licence, tuple(options.language))
    return workspace.bundles.write(plan, output.parent, name, progress, about=about, as_zip=options.zip)


def exports(opened: Callable[[], Workspace], options: argparse.Namespace) -> int:
    if options.what == "compare":
        return _compare(options)
    workspace = opened()
    if options.what == "list":
        return _list(Path(options.folder) if options.folder else workspace.bundles.folder)
    output = Path(options.output)
    return _say_remade(workspace.bundles.again(Path(options.manifest), output.parent, output.name))


def push(options: argparse.Namespace) -> int:
    def say(text: str) -> None:
        print(f"{text} …", file=sys.stderr, flush=True)

    pushed = Bundles.push(Path(options.export), options.repo, is_private=not options.public, progress=say)
    print(f"{pushed.files} files are at {pushed.url}, {'private' if pushed.is_private else 'for everybody to see'}.")
    return 0


def _list(folder: Path) -> int:
    found = Bundles.listed(folder)
    for one in found:
        manifest = one.manifest
        print(f"{manifest.at[:16].replace('T', ' ')}  {manifest.records:>9,}  {manifest.plan.format:<17}  {one.path}")
    if not found:
        print(f"There is no export with a manifest in {folder}.")
    return 0


def _compare(options: argparse.Namespace) -> int:
    found = Bundles.compare(Path(options.before), Path(options.after))
    if options.json:
        print(json.dumps(found.as_fields(), ensure_ascii=False, indent=2))
    else:
        for line in _in_words(found):
            print(line)
    return 0 if found.is_same else DIFFERENT


def _in_words(found: Comparison) -> list[str]:
    lines = [f"{found.before:,} records before, {found.after:,} after; {found.same:,} are the same."]
    for count, word in ((found.added, "added"), (found.removed, "removed"), (found.changed, "changed")):
        lines += _named(count, word)
    lines += _named(found.moved, "moved to another split")
    lines += [f"{one.name}: {json.dumps(one.before)} before, {json.dumps(one.after)} after" for one in found.settings]
    if found.identical:
        lines.append(f"The same byte for byte: {', '.join(found.identical)}")
    return lines


def _named(found: Difference, word: str) -> list[str]:
    if not found.count:
        return []
    rest = f" and {found.count - _NAMED:,} more" if found.count > _NAMED else ""
    return [f"{found.count:,} {word}: {', '.join(found.ids[:_NAMED])}{rest}"]


def _say_remade(made: Remade) -> int:
    for file in made.export.files:
        if file.kind == "data":
            same = "the same as then" if file.path.name in made.identical else "NOT the same as then"
            print(f"{file.records:,} records in {file.path}, {same}")
    for line in (
        *_named(made.gone, "are not in this workspace, or not at that revision"),
        *_named(made.unfit, "cannot be shown in the format by this version"),
        *_named(made.changed, "have been changed since; the files hold what they said then"),
    ):
        print(line)
    for name in made.missing:
        print(f"{name} was not made: none of its records is there.")
    return 0 if made.is_same else DIFFERENT
