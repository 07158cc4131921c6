"""Commands that look: limits, hardware, privacy, uploads, history, doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.terminal import console, console_privacy
from app.terminal.commands import Json, ask
from core.api.messages.base import Acknowledged
from core.api.messages.given import Footprint, HistoryList, HistoryParams, HistoryRow
from core.api.messages.machine import HardwareParams, HardwareProfile, LimitsParams, LimitsView
from core.api.messages.privacy import BudgetList, ExportParams
from core.api.messages.state import CheckList, LogText
from core.api.messages.uploads import UploadDetail, UploadExportParams, UploadInfo, UploadList, UploadParams

PROBE_S = 1_800.0
"""A measurement for every federation, with its compiler, takes minutes each."""
limits = typer.Typer(help="What this machine may be used for.", no_args_is_help=True)


def hardware(
    probe: Annotated[bool, typer.Option("--probe", help="Measure as well as list.")] = False, json: Json = False
) -> None:
    """What this machine could train with."""
    found = ask(HardwareProfile, "hardware", HardwareParams(probe=probe), timeout_s=PROBE_S if probe else 120.0)
    if json:
        console.document(found)
        return
    console.show_hardware(found)
    for plan in found.training:
        part = "" if plan.shard == "full" else f", {plan.shard}"
        console.lines(
            [
                (plan.federation_name, f"{plan.preset}{part} on {plan.device}, {plan.tokens_per_s:,.0f} tokens/s"),
                ("at once", f"{plan.micro_batch} of {plan.batch_size} sequences, found in {plan.probes} measurements"),
                ("memory", f"{console.size(plan.peak_bytes)} of {console.size(plan.budget_bytes)}"),
                *(("", sentence) for sentence in plan.explanation),
            ]
        )


@limits.command("show")
def limits_show(json: Json = False) -> None:
    """Every limit and its value."""
    _show_limits(ask(LimitsView, "limits.show"), json)


@limits.command("set")
def limits_set(pair: Annotated[str, typer.Argument(metavar="KEY=VALUE")], json: Json = False) -> None:
    """Change one limit; it holds at once."""
    key, separator, value = pair.partition("=")
    if not separator or not key:
        raise typer.BadParameter(f"{pair!r} is not KEY=VALUE")
    _show_limits(ask(LimitsView, "limits.set", LimitsParams(key=key.strip(), value=value.strip())), json)


def _show_limits(view: LimitsView, json: bool) -> None:
    if json:
        console.document(view)
    else:
        console.lines(list(view.values.items()))


def budgets(json: Json) -> None:
    """What each text has cost in privacy."""
    found = ask(BudgetList, "privacy")
    if json:
        console.document(found)
        return
    console_privacy.show_budgets(found.budgets)


def export_ledger(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.")],
    report: Annotated[bool, typer.Option("--report", help="In words instead of JSON.")] = False,
    json: Json = False,
) -> None:
    """Write the whole privacy ledger, for you to keep or to check."""
    asked = ExportParams(path=str(path.expanduser().absolute()), report=report)
    found = ask(Acknowledged, "privacy.export", asked, timeout_s=600.0)
    console.document(found) if json else console.say(found.detail)


def uploads(
    upload_id: Annotated[str | None, typer.Argument(metavar="[ID]")] = None,
    export: Annotated[Path | None, typer.Option(help="Write the bytes that were sent, and JSON beside.")] = None,
    json: Json = False,
) -> None:
    """Every update that left, or one of them opened."""
    if export is not None:
        if upload_id is None:
            raise typer.BadParameter("needs the ID of an update", param_hint="--export")
        params = UploadExportParams(upload_id=upload_id, path=str(export.expanduser().absolute()))
        done = ask(Acknowledged, "uploads.export", params, timeout_s=600.0)
        console.document(done) if json else console.say(done.detail)
        return
    if upload_id is not None:
        _show_upload(ask(UploadDetail, "uploads.inspect", UploadParams(upload_id=upload_id)), json)
        return
    found = ask(UploadList, "uploads.list")
    if json:
        console.document(found)
        return
    rows = [_upload_row(u) for u in found.uploads]
    console.table(("id", "federation", "round", "state", "when", "size", "ε", "sha256"), rows, right=(2, 5, 6))


def _upload_row(upload: UploadInfo) -> tuple[object, ...]:
    when = console.moment(upload.sent_at or upload.sealed_at)
    spent = "" if upload.epsilon_after is None else console.spent(upload.epsilon_after)
    about = (upload.upload_id, upload.federation_name, upload.server_round, upload.state, when)
    return (*about, console.size(upload.size_bytes), spent, upload.sha256[:12])


def _show_upload(detail: UploadDetail, json: bool) -> None:
    if json:
        console.document(detail)
        return
    sent = detail.upload
    console.lines(
        [
            ("round", f"{sent.server_round} of {sent.federation_name}, {sent.state}"),
            ("size", f"{console.size(sent.size_bytes)} instead of {console.size(sent.dense_bytes)} as fp32"),
            ("sha256", sent.sha256),
            ("codec", detail.codec),
            ("other fields", ", ".join(f"{name} {value:g}" for name, value in detail.metrics.items())),
        ]
    )
    rows = [(layer.name, f"{layer.size:,}", f"{layer.norm:.5f}") for layer in detail.layers]
    console.table(("parameter", "values", "norm as sent"), rows, right=(1, 2))


def history(json: Json = False) -> None:
    """Finished rounds and what they took."""
    found = ask(HistoryList, "history", HistoryParams())
    if json:
        console.document(found)
        return
    rows = [_history_row(r) for r in found.rows]
    console.table(("federation", "round", "finished", "time", "tokens", "state"), rows, right=(1, 3, 4))
    console.lines(_footprint(found.footprint))


def _history_row(row: HistoryRow) -> tuple[object, ...]:
    took = console.duration(row.seconds)
    return (row.federation_name, row.server_round, console.moment(row.finished_at), took, f"{row.tokens:,}", row.state)


def _footprint(found: Footprint) -> list[tuple[str, object]]:
    """Energy here and in a data centre; what is an estimate is called one."""
    estimated = f"{found.estimated_wh:,.1f} estimated at {found.device_watts:g} W"
    network = f"at most {found.transfer_wh:,.1f} of the network"
    pairs: list[tuple[str, object]] = [
        ("energy here", f"{found.here_wh:,.1f} Wh: {found.measured_wh:,.1f} measured, {estimated}, {network}"),
        ("data centre", f"{found.data_centre_wh:,.1f} Wh for the same training, estimated (V100, PUE 1.67)"),
    ]  # fmt: skip
    if found.co2_g is not None:
        pairs.append(("CO₂", f"{found.co2_g:,.1f} g here, {found.data_centre_co2_g or 0.0:,.1f} g there"))
    return pairs


def log(json: Json = False) -> None:
    """The end of the engine's log; it holds no text of yours."""
    found = ask(LogText, "log")
    if json:
        console.document(found)
    else:
        typer.echo("\n".join(found.lines))


def doctor(json: Json = False) -> None:
    """Check everything that could be wrong, with one fix each."""
    found = ask(CheckList, "doctor")
    failed = [check for check in found.checks if not check.ok]
    if json:
        console.document(found)
    else:
        for check in found.checks:
            console.say(f"{'ok  ' if check.ok else 'FAIL'} {check.name}: {check.detail}", "" if check.ok else "red")
            if not check.ok and check.fix:
                console.say(f"     {check.fix}", "dim")
        console.say(f"{len(found.checks) - len(failed)} of {len(found.checks)} checks passed")
    if failed:
        raise typer.Exit(1)
