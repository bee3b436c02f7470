"""`meltemi proxy-config WHAT POD`: what the Envoy of a pod has, asked from itself.

Place:  apps/cli · node → the live Envoy's config_dump → table or JSON
Exit:   0 shown · 1 there is no such pod or proxy · 2 could not

WHAT: bootstrap, listeners, routes, clusters, endpoints, secret, all, or short as istioctl: b, l, r, c, ep, s, a.
POD: NAME, NAME.NAMESPACE, or deployment/NAME for one of its pods.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from meltemi.apps.cli.output import echo_json, echo_table
from meltemi.apps.cli.state import namespace_option, state_option

Tree = dict[str, Any]

WORDS = {
    "bootstrap": ("b",),
    "listeners": ("listener", "l"),
    "routes": ("route", "r"),
    "clusters": ("cluster", "c"),
    "endpoints": ("endpoint", "ep", "e"),
    "secret": ("secrets", "s"),
    "all": ("a",),
}
TABLES = ("clusters", "listeners", "routes", "endpoints")
"""What `all` shows, in istioctl's order."""


@click.command(help=__doc__)
@state_option
@click.argument("what")
@click.argument("pod")
@namespace_option
@click.option(
    "-o", "--output", type=click.Choice(["short", "text", "json", "yaml"]), default="short", help="how to print it"
)
@click.option("--port", type=int, help="only listeners, clusters and endpoints of this port")
@click.option("--name", default="", help="only routes of this name")
@click.option("--fqdn", default="", help="only clusters and endpoints of this service")
@click.option("--subset", default="", help="only clusters of this subset")
@click.option("--direction", default="", help="only clusters of this direction: inbound, outbound")
@click.option("--cluster", default="", help="only endpoints of this cluster")
@click.option("--type", "kind", default="", help="only listeners whose destination, or clusters whose type, is so")
def command(state: Path, *, what: str, pod: str, namespace: str, output: str, **filters: Any) -> None:
    """Print one kind of configuration, or all."""
    from meltemi.apps.cli.config_dump import bootstrap, resources

    chosen = _what(what)
    dump = _dump(state, namespace, pod)
    if chosen == "bootstrap":
        echo_json(bootstrap(dump))
        return
    names = TABLES if chosen == "all" else (chosen,)
    found = {name: [one for one in resources(dump, name) if _wanted(name, one, filters)] for name in names}
    if output == "json":
        echo_json(found if chosen == "all" else found[chosen])
    elif output == "yaml":
        import yaml

        click.echo(yaml.safe_dump(found if chosen == "all" else found[chosen], sort_keys=False), nl=False)
    else:
        _tables(found)


def _what(word: str) -> str:
    for name, others in WORDS.items():
        if word in (name, *others):
            return name
    raise click.UsageError(f"{word!r} is not known: write {', '.join(WORDS)}")


def _dump(state: Path, namespace: str, word: str) -> Tree:
    """What the Envoy says. Raises click's errors where there is none."""
    import msgspec

    from meltemi.apps.cli.pods import capture
    from meltemi.apps.cli.resources import client_of, pod_named

    home, name = pod_named(client_of(state), namespace, word)
    path = "config_dump?include_eds"
    text = capture(state, home, name, "istio-proxy", ["pilot-agent", "request", "GET", path])
    return msgspec.json.decode(text)


def _tables(found: dict[str, list[Tree]]) -> None:
    from meltemi.apps.cli.config_dump import HEADS, rows

    for i, (name, listed) in enumerate(found.items()):
        if i:
            click.echo()
        echo_table(HEADS[name], [row for one in listed for row in rows(name, one)])


def _wanted(what: str, one: Tree, filters: dict[str, Any]) -> bool:
    """Whether every filter that speaks of this kind of resource lets it pass."""
    said = {name: value for name, value in filters.items() if value}
    return all(test(said[name]) for name, test in _tests(what, one) if name in said)


def _tests(what: str, one: Tree) -> Iterator[tuple[str, Callable[[Any], bool]]]:
    from meltemi.apps.cli.config_dump import rows

    lines = list(rows(what, one))
    name = str(one.get("name") or one.get("cluster_name") or "")
    if what == "routes":
        yield "name", lambda said: said == name
    if what == "listeners":
        yield "port", lambda said: any(line[1] == str(said) for line in lines)
        yield "kind", lambda said: any(re.match(said, line[3], re.IGNORECASE) for line in lines)
    if what in ("clusters", "endpoints"):
        direction, port, subset, fqdn = (name.split("|") + [""] * 4)[:4]
        yield "port", lambda said: port == str(said)
        yield "fqdn", lambda said: fqdn == said
        yield "subset", lambda said: subset == said
        yield "direction", lambda said: direction == said
    if what == "clusters":
        yield "kind", lambda said: any(line[4].upper() == said.upper() for line in lines)
    if what == "endpoints":
        yield "cluster", lambda said: name == said
