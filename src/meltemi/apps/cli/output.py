"""What all commands print alike: `-o json`, findings, tables, time spans.

Place:  apps/cli · shared by all commands
Colour is written only to a terminal: click takes it out elsewhere.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    # The model takes 60 ms to import, which `version` and `--help` do not need.
    from meltemi.core.model.shown import Shown

F = TypeVar("F", bound=Callable[..., Any])

COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}
"""By severity."""
_UNITS = {"": 1.0, "s": 1.0, "ms": 0.001, "m": 60.0, "h": 3600.0}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|)")


def output_option(function: F) -> F:
    """`-o text|json`, given to the command as `output`."""
    return click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="how to print it")(
        function
    )


def echo_json(value: object) -> None:
    """Print a value as JSON that people can read too."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def echo_findings(findings: "Iterable[Shown]", *, err: bool = True) -> None:
    """Print findings as people read them."""
    from meltemi.core.model.shown import rendered

    for finding in findings:
        head, *rest = rendered(finding).split("\n")
        label, _, message = head.partition(": ")
        click.echo(f"{click.style(label, fg=COLOURS[finding.severity], bold=True)}: {message}", err=err)
        for line in rest:
            click.echo(line, err=err)


def findings_json(findings: "Iterable[Shown]") -> list[dict[str, object]]:
    """Findings as other tools read them."""
    from meltemi.core.model.shown import plain

    return [plain(finding) for finding in findings]


def faulty(findings: "Iterable[Shown]") -> bool:
    """Whether one of them is an error."""
    return any(finding.severity == "error" for finding in findings)


def echo_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print columns as kubectl does: three spaces apart, no lines."""
    lines = [head, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    for line in lines:
        click.echo("   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


class NetworkType(click.ParamType):  # pyright: ignore[reportMissingTypeArgument]  (generic from click 8.4 on only)
    """A network as `192.0.2.0/24` or `2001:db8::/32`; gives it as text."""

    name = "network"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Raises click's usage error for anything else."""
        try:
            return str(ip_network(value))
        except ValueError as fault:
            self.fail(f"{value!r} is no network: {fault}", param, ctx)


class SpanType(click.ParamType):  # pyright: ignore[reportMissingTypeArgument]  (generic from click 8.4 on only)
    """A time span as kubectl takes it (`30s`, `2m`, `500ms`), or a bare number of seconds; gives seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Raises click's usage error for anything else."""
        if isinstance(value, float):
            return value
        match = _SPAN.fullmatch(str(value))
        if match is None:
            self.fail(f"{value!r} is no time span: write '30s', '2m' or '500ms'", param, ctx)
        return float(match[1]) * _UNITS[match[2]]
