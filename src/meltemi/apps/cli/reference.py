"""The reference of commands as Markdown, from the commands themselves.

Place:  apps/cli · each command's usage, help and options → [reference] → docs/reference/cli.md (scripts/reference)
"""

from collections.abc import Iterator

import click

from meltemi.apps.cli import ALIASES, COMMANDS, cli

_WIDTH = 10_000
"""No line of a usage is broken."""
_HEAD = """# Commands

Generated from the commands by `scripts/reference`; do not edit.

Every command takes `--help`. Exit codes are 0 for done, 1 for "there are findings, or it did not come", 2 for
"could not". With `MELTEMI_DEBUG=1` an unexpected fault shows its traceback.
"""


def reference() -> str:
    """docs/reference/cli.md, which a test keeps equal to this."""
    context = click.Context(cli, info_name="meltemi", terminal_width=_WIDTH, max_content_width=_WIDTH)
    commands = ((name, cli.get_command(context, name)) for name in cli.list_commands(context))
    return "\n".join((_HEAD, *(part for name, one in commands if one for part in _sections(context, name, one))))


def _sections(parent: click.Context, name: str, command: click.Command) -> Iterator[str]:
    """Of a command, and of the commands of a group."""
    yield _section(parent, name, command)
    yield from _below(_context(parent, name, command), name, command)


def _below(context: click.Context, name: str, command: click.Command) -> Iterator[str]:
    """Of the commands of a group, groups of them taken apart."""
    for verb, one in command.commands.items() if isinstance(command, click.Group) else ():
        words, own = f"{name} {verb}", _context(context, verb, one)
        if isinstance(one, click.Group):
            yield from _below(own, words, one)
        else:
            yield f"### {words}\n\n{_body(own, one)}"


def _section(parent: click.Context, name: str, command: click.Command) -> str:
    short = sorted(alias for alias, full in ALIASES.items() if full == name)
    also = f"Also called {', '.join(f'`{one}`' for one in short)}.\n\n" if short else ""
    return f"## {name}\n\n{COMMANDS[name].capitalize()}.\n\n{also}{_body(_context(parent, name, command), command)}"


def _body(context: click.Context, command: click.Command) -> str:
    usage = command.get_usage(context).removeprefix("Usage: ")
    options = "\n".join(_options(context, command))
    return f"```text\n{usage}\n\n{_help(command)}\n```\n\n{options}\n"


def _context(parent: click.Context, name: str, command: click.Command) -> click.Context:
    return click.Context(command, parent=parent, info_name=name, terminal_width=_WIDTH, max_content_width=_WIDTH)


def _help(command: click.Command) -> str:
    """As `--help` prints it."""
    return (command.help or "").replace("\b\n", "").strip()


def _options(context: click.Context, command: click.Command) -> Iterator[str]:
    yield "| option | effect |"
    yield "|---|---|"
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            yield f"| `{_cell(record[0])}` | {_cell(record[1])} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
