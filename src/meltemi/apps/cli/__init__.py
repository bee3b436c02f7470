"""The command `meltemi`: one module a command, imported when it is called.

Place:  apps/cli · arguments → a module's `command` → its exit code
Exit:   0 done · 1 there are findings, or what was waited for did not come · 2 could not · 130 interrupted by Ctrl-C
"""

import os
import sys
from importlib import import_module
from inspect import cleandoc
from typing import Any

import click

COMMANDS = {
    "up": "start a mesh on this machine",
    "down": "take the mesh down",
    "demo": "run Bookinfo as a mesh in the foreground",
    "run": "put a program of this machine into the mesh",
    "apply": "create or change what files say",
    "get": "show objects",
    "delete": "delete objects",
    "status": "show pods, proxies and findings",
    "wait": "wait until the proxies have a change, or pods are ready",
    "logs": "show what a container wrote",
    "exec": "run a program in a container",
    "ca": "see, replace and rotate the authority of certificates",
    "proxy-config": "show what a proxy's Envoy has",
    "validate": "find the faults of files without a mesh",
    "compile": "show what a proxy would receive, without a mesh",
    "inject": "add the proxy to the pods of files",
    "x": "what istioctl has as experimental: who may reach a workload, machines outside of the mesh",
    "manifest": "print what a Kubernetes API server needs",
    "code": "explain the code of a finding",
    "doctor": "what this machine lacks, and how to mend it",
    "version": "show the version",
}
"""Name → what `meltemi --help` says of it; written here so that help imports nothing."""

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: 128 + SIGINT."""

SYSTEM_PROGRAMS = "/usr/sbin:/sbin"
"""Where Debian keeps ip, nft and iptables; ordinary users do not look there by themselves."""
ALIASES = {"pc": "proxy-config", "proxy-status": "status", "ps": "status", "experimental": "x"}
"""Short forms that istioctl's users have in their fingers."""


class Commands(click.Group):
    """A group whose members are modules beside this one: `proxy-config` is `proxy_config.command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in COMMANDS if _exists(name)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = ALIASES.get(cmd_name, cmd_name)
        if name not in COMMANDS or not _exists(name):
            return None
        command: click.Command = import_module(f"{__name__}.{_module(name)}").command
        _tell(command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; Ctrl-C is not click's 1, which would mean findings here."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """A service mesh on one machine: Python decides, Envoy carries."""


def main() -> None:
    """Entry point of the console script: what the world does to us becomes one line, not a traceback."""
    os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:{SYSTEM_PROGRAMS}"
    try:
        cli.main(prog_name="meltemi")
    except Exception as problem:
        if os.environ.get("MELTEMI_DEBUG"):
            raise
        click.echo(f"{click.style('error', fg='red')}: {_words(problem)}", err=True)
        sys.exit(2)


def _words(problem: Exception) -> str:
    """What went wrong and what to do; an exception that says nothing of both is a fault of ours."""
    text = str(problem) or type(problem).__name__
    if getattr(problem, "explained", False) or type(problem).__name__ == "CannotError":
        return text
    if isinstance(problem, OSError):
        return f"{problem.strerror or text}{f': {problem.filename}' if problem.filename else ''}"
    return f"{type(problem).__name__}: {text}\n  help: set MELTEMI_DEBUG=1 to see where, and report it"


def _tell(command: click.Command) -> None:
    """Make the help of a command, and of all commands in it, what users read."""
    command.help = _for_users(command.help or "")
    for one in command.commands.values() if isinstance(command, click.Group) else ():
        _tell(one)


def _for_users(text: str) -> str:
    """A module's docstring as help: without its place in the house, lines as they are written."""
    lines = [line for line in cleandoc(text).splitlines() if not line.startswith("Place:")]
    paragraphs = (part.strip("\n") for part in "\n".join(lines).split("\n\n"))
    return "\n\n".join(part if part.startswith("\b") else f"\b\n{part}" for part in paragraphs)


def _module(name: str) -> str:
    return name.replace("-", "_")


def _exists(name: str) -> bool:
    return os.path.exists(os.path.join(os.path.dirname(__file__), f"{_module(name)}.py"))  # noqa: PTH110, PTH118, PTH120  (pathlib costs start-up time)
