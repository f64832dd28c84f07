"""Results that come back from elsewhere, and how they become trials of the journal.

What a candidate is, the work dir knows; nothing that comes back decides it. A trial carries the export and the number
that it was measured by, so importing the same results again adds nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tvm_bnn.errors import UsageError
from tvm_bnn.targets import Target
from tvm_bnn.tuning.exports import Batch, Export, origin_of, path_of, read_export
from tvm_bnn.tuning.journal import Journal, Trial
from tvm_bnn.tuning.measuring.entries import RESULTS
from tvm_bnn.tuning.measuring.machine import unfit
from tvm_bnn.tuning.measuring.work import BATCH
from tvm_bnn.tuning.offline import SCRIPT, needs
from tvm_bnn.tuning.runner import Result
from tvm_bnn.tuning.workdir import WorkDir


@dataclass
class Imported:
    """What an import came to.

    Attributes:
        trials: new ones, which are in the journal now.
        known: results that were there already.
        missing: candidates without a usable result.
        machines: names of those that measured.
        damaged: lines of the results, or of the journal, that cannot be used, and why.
    """

    trials: list[Trial] = field(default_factory=list)
    known: int = 0
    missing: int = 0
    machines: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


def import_results(folder: Path, batch: Batch, work: WorkDir, target: Target) -> Imported:
    """Put the results of a folder into the journal; all of them are judged before the first is.

    Args:
        folder: that was exported, or what came back of it: ``batch.json`` and ``results.jsonl``.
        batch: of the folder.
        work: the work dir that it was exported from.
        target: of the batch.

    Raises:
        UsageError: no results, those of another work dir or export, or of a machine that is not the target's.
    """
    export = _export_of(folder, batch, work)
    lines, damaged = _read_lines(folder / RESULTS)
    _refuse_others(folder, lines, export)
    machines = {line["machine"]: line["facts"] for line in lines if "facts" in line}
    results = _by_number(line for line in lines if "number" in line)
    wanted = needs(target, export.threads, export.versions)
    for key in sorted({str(result["machine"]) for result in results.values()}):
        _refuse_machine(folder, machines.get(key), wanted)
    journal = Journal(work.journal)
    opened = journal.open()
    damaged += [f"journal line {number} is damaged and was set aside: {why}" for number, why in opened.damaged]
    known = {origin[1] for trial in opened.trials if (origin := origin_of(trial)) and origin[0] == export.id}
    imported = Imported(known=len(known), machines=sorted({_name(facts) for facts in machines.values()}))
    for number, result in sorted(results.items()):
        if number not in known:
            _take(imported, export, number, result, machines[result["machine"]], damaged)
    if not imported.trials and not known:
        raise _nothing(folder)
    for trial in imported.trials:
        journal.append(trial)
    imported.damaged, imported.missing = damaged, len(export.sent) - len(known) - len(imported.trials)
    return imported


def _take(
    imported: Imported,
    export: Export,
    number: int,
    result: Result,
    facts: Mapping[str, Any],
    damaged: list[str],
) -> None:
    try:
        imported.trials.append(_trial(export, number, result, facts))
    except (ValidationError, ValueError) as error:
        told = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        damaged.append(f"the result of candidate {number} is damaged and not used: {told}")


def _trial(export: Export, number: int, result: Result, facts: Mapping[str, Any]) -> Trial:
    gpu = facts.get("gpu") or {}
    board = {
        "model": _name(facts),
        "host": facts.get("host"),
        **{key: gpu[key] for key in ("driver", "compute_capability") if key in gpu},
        **{key: result[key] for key in ("before", "after") if result.get(key)},
        "export": export.id,
        "number": number,
    }
    outcome = {key: result[key] for key in ("run_secs", "failure", "message") if key in result}
    return Trial(**export.sent[number].model_dump(), threads=export.threads, board=board, **outcome)


def _name(facts: Mapping[str, Any]) -> str:
    """Of the GPU, or of the CPU."""
    gpu = facts.get("gpu")
    return str(gpu["name"] if gpu else facts["model"])


def _by_number(lines: Iterable[dict[str, Any]]) -> dict[int, Result]:
    """One result of each candidate: finalists' later times stand for their first ones, and what was wrong once is."""
    first: dict[int, Result] = {}
    again: dict[int, list[Result]] = {}
    for line in lines:
        if line.get("again"):
            again.setdefault(line["number"], []).append(line)
        else:
            first.setdefault(line["number"], line)
    return {number: _settled(result, again.get(number, [])) for number, result in first.items()}


def _settled(result: Result, again: Sequence[Result]) -> Result:
    wrong = next((line for line in again if line.get("failure") == "wrong"), None)
    if wrong is not None:
        return wrong
    times = [seconds for line in again for seconds in line.get("run_secs", ())]
    return {**result, "run_secs": times} if times and "run_secs" in result else result


def batch_of(folder: Path, mine: Batch) -> Batch:
    """The batch that a folder is for.

    Raises:
        UsageError: none, or that of another model, target, number of threads or version than ``mine``.
    """
    try:
        batch = Batch.model_validate_json((folder / BATCH).read_bytes())
    except (OSError, ValidationError) as error:
        raise UsageError(
            f"--import: expected a folder that --export made, got none at '{folder}'", "export one first"
        ) from error
    for key in ("target", "model", "threads", "versions"):
        found, wanted = getattr(batch, key), getattr(mine, key)
        if found != wanted:
            raise UsageError(
                f"--import: '{folder}' is for {key} {_told(found)}, expected {_told(wanted)}",
                "name the model and the options that it was exported with",
            )
    return batch


def _export_of(folder: Path, batch: Batch, work: WorkDir) -> Export:
    path = path_of(work, batch.id)
    if not path.exists():
        raise UsageError(
            f"--import: '{folder}' was not exported from work dir '{work.path}'", "name its own with --work-dir"
        )
    return read_export(path)


def _read_lines(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Lines that are results or machines, and what is to be said of the others.

    Raises:
        UsageError: there are none.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _nothing(path.parent) from error
    lines: list[dict[str, Any]] = []
    damaged: list[str] = []
    for number, text in enumerate(content.splitlines(), 1):
        try:
            lines.append(_checked(json.loads(text)))
        except ValueError as error:
            damaged.append(f"{path}:{number}: damaged and not used: {error}")
    return lines, damaged


def _checked(line: Any) -> dict[str, Any]:
    """A line with the fields that all have.

    Raises:
        ValueError: it is none.
    """
    is_line = isinstance(line, dict) and isinstance(line.get("batch"), str) and isinstance(line.get("machine"), str)
    if not is_line or not (isinstance(line.get("number"), int) or isinstance(line.get("facts"), dict)):
        raise ValueError("neither a result nor a machine")
    return dict(line)


def _refuse_others(folder: Path, lines: Sequence[Mapping[str, Any]], export: Export) -> None:
    strange = next((line for line in lines if line["batch"] != export.id), None)
    if strange is not None:
        raise UsageError(
            f"--import: {folder / RESULTS} has results of export {strange['batch']}, expected {export.id}",
            "import each folder with its own results",
        )
    unknown = next((line for line in lines if "number" in line and line["number"] not in export.sent), None)
    if unknown is not None:
        raise UsageError(
            f"--import: {folder / RESULTS} has a result of candidate {unknown['number']}, which was not exported",
            "import the folder as the script left it",
        )


def _refuse_machine(folder: Path, facts: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> None:
    try:
        reason = "it is not told which machine measured" if facts is None else unfit(facts, wanted)
    except (KeyError, TypeError):
        reason = "it is not told what the machine is"
    if reason:
        raise UsageError(f"--import: results of '{folder}' do not count: {reason}", f"run {SCRIPT} on such a machine")


def _nothing(folder: Path) -> UsageError:
    return UsageError(
        f"--import: expected results in '{folder}', got none",
        f"run python {SCRIPT} in that folder, on the machine that it is for",
    )


def _told(value: Any) -> str:
    return ", ".join(f"{name} {number}" for name, number in value.items()) if isinstance(value, dict) else str(value)
