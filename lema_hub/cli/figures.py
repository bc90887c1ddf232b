"""The figures of a build on stdout: its plan, its pilot, and what its rows cost."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

import typer

if TYPE_CHECKING:
    from lema_hub.artifacts.figures import Success, Yield
    from lema_hub.artifacts.manifest import Manifest
    from lema_hub.builders.pilot import Pilot, PilotGroup
    from lema_hub.builders.plan import PlannedStage
    from lema_hub.stats import Projection

Counted = TypeVar("Counted", "PilotGroup", "Success", "Yield")


def print_plan(stages: Sequence[PlannedStage], as_json: bool, *, trial: str = "--pilot 50") -> None:
    """Print what would be sent; `trial` is how to try a part of it."""
    if as_json:
        typer.echo(json.dumps({"stages": [dataclasses.asdict(stage) for stage in stages]}))
        return
    for stage in stages:
        bound = "" if stage.exact else "at most "
        cost = "unknown price" if stage.max_cost_usd is None else f"at most {_dollars(stage.max_cost_usd)}"
        cost = "no price" if stage.max_cost_usd == 0 and stage.requests else cost
        typer.echo(
            f"{stage.stage}: {stage.problems} problems, {bound}{stage.requests} requests to {stage.model}, "
            f"{stage.answered} answered before, at most {stage.max_new_tokens} new tokens, {cost}, "
            f"at most {_bytes(stage.max_disk_bytes)} of ledger"
        )
        if stage.expected_requests is not None and stage.expected_tokens is not None:
            price = "" if stage.expected_cost_usd is None else f", {_dollars(stage.expected_cost_usd)}"
            typer.echo(
                f"  by the ledger's past answers: about {stage.expected_requests} requests, "
                f"{stage.expected_tokens} tokens{price}, {_time(stage.seconds)}"
            )
        elif stage.requests:
            typer.echo(f"  time: unknown until some requests are answered; {trial} measures it")
    if not stages:
        typer.echo("nothing is sent: all solutions are recorded")


def print_pilot(found: Pilot, as_json: bool) -> None:
    """Print what a pilot found, and what it says about the whole build."""
    from lema_hub.artifacts.figures import label

    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(found)))
        return
    spent = "" if found.spent_usd is None else f", {_dollars(found.spent_usd)} in all"
    typer.echo(f"pilot: {found.sampled} of {found.problems} problems, drawn at random{spent}; 95 % intervals")
    typer.echo("for one accepted row:")
    for group in _telling(found.groups):
        name = label(group.group, group.name)
        tokens = "none was accepted" if group.tokens_per_row is None else _numbers(group.tokens_per_row)
        unit = "" if group.tokens_per_row is None else " tokens"
        cost = "" if group.cost_per_row is None else f", {_numbers(group.cost_per_row, money=True)}"
        typer.echo(f"  {name}: {tokens}{unit}{cost} ({group.accepted} accepted of {group.problems} problems)")
    typer.echo("for the whole build, including the pilot:")
    typer.echo(f"  accepted rows: {_numbers(found.rows)}")
    typer.echo(f"  tokens: {_numbers(found.tokens)}")
    if found.cost_usd is None:
        typer.echo("  cost: no price is known; for a paid endpoint give --prices FILE")
    else:
        typer.echo(f"  cost: {_numbers(found.cost_usd, money=True)}")
    typer.echo(f"  time for the rest, at the pilot's pace: {_time(found.seconds)}")
    typer.echo(f"  ledger: about {_bytes(found.disk_bytes)}")


def print_figures(manifest: Manifest) -> None:
    """Print what rows cost, how often the corrector succeeded, and what the gates caught."""
    if manifest.yields:
        typer.echo("for one accepted row:")
    for took in _telling(manifest.yields):
        tokens = "none was accepted" if took.tokens_per_row is None else f"{took.tokens_per_row:.0f} tokens"
        cost = "" if took.cost_per_row is None else f", {_dollars(took.cost_per_row)}"
        typer.echo(f"  {took.label}: {tokens}{cost} ({took.accepted} accepted of {took.problems} problems)")
    if manifest.success:
        typer.echo("mistakes corrected to the right answer, with Wilson's 95 % interval:")
    for tried in _telling(manifest.success):
        typer.echo(f"  {tried.label}: {tried.rate:.1%} [{tried.low:.1%}, {tried.high:.1%}] of {tried.wrong}")
    if not any(gate.made for gate in manifest.gate_truth):
        return
    typer.echo("gates against the truth: dropped, of these wrong (precision), of the wrong dropped (recall)")
    for gate in manifest.gate_truth:
        caught = ", ".join(f"{kind} {gate.caught.get(kind, 0)}/{made}" for kind, made in gate.made.items())
        typer.echo(
            f"  {gate.gate}: {gate.failed} of {gate.asked}, {_share(gate.precision)}, {_share(gate.recall)}"
            + (f" ({caught})" if caught else "")
        )


def _telling(groups: Sequence[Counted]) -> list[Counted]:
    """The groups, without a student that is the only one: its figures are those of all."""
    students = [group for group in groups if group.group == "student"]
    return [group for group in groups if group.group != "student" or len(students) > 1]


def _numbers(estimate: Projection, *, money: bool = False) -> str:
    def shown(value: float) -> str:
        return _dollars(value) if money else f"{value:,.0f}"

    if estimate.low is None or estimate.high is None:
        return f"{shown(estimate.value)} (one problem: no interval)"
    return f"{shown(estimate.value)} [{shown(estimate.low)}, {shown(estimate.high)}]"


def _dollars(value: float) -> str:
    return f"${value:,.2f}" if value >= 100 else f"${value:.4f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _bytes(count: int) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            break
        count = round(count / 1000)
    return f"{count} {unit}"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "time unknown"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
