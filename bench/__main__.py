"""`python -m bench`: measure everything and print docs/reference/performance.md; `… crowd`, `… churn`: a crowd alone;
`… ondemand`: sidecars on demand alone.

Place:  bench · all modules beside this one → Markdown
"""

import asyncio
import datetime
import os

import click
import structlog

from bench import certificates, convergence, hops, push, random_checks, rules, transport, validating
from bench import compile as compiling
from bench.crowd import churn
from bench.crowd import command as crowd
from bench.measure import table
from bench.ondemand import command as ondemand

PROXIES = (1, 10, 100)
UNABLE = "Not measured: needs root."
_TEXT = """# What it costs

Printed by `scripts/bench` on {date}, on {cpus} CPUs with {memory} GiB of memory: CPU time of one process
in ms, one run. The machine may have had other work at the same time. Numbers are to be compared within a table, not
with other machines.

Every service has one port, three endpoints (without pods, so in no subset), a DestinationRule of two subsets and a
VirtualService of two routes. The proxy is a sidecar that sees all of them.

## From nothing to all resources of one proxy

{compiled}

*YAML → checked* is what `validate` does; *objects → checked* is what a starting control plane does with decoded JSON.
*Names* composes the mesh and lists what the proxy gets, *bodies* makes the Envoy messages, *to bytes* joins them into
responses.

`meltemi validate` of {documents:,} VirtualServices and DestinationRules in one file, the whole process:
{validated:.0f} ms, the median of {validations} runs.

## One change among {services:,} services

{pushed}

*Check* reads the changed object; *derive* recomputes what it touches and finds the changed resources, once for all
proxies of one scope; *push* is what the streams do until every proxy has acknowledged, without sockets and without the
proxies' own work. The mean of {rounds} changes.

## From a write until all have acknowledged

{convergence}

Wall-clock time in a mesh that runs, from before the write until `wait` returns; {turns} changes of each kind, one after
the other.

## A crowd on one control plane

{crowd}

## Sidecars that hold what is called

{ondemand}

## A message to a proxy, and its answer

{transport}

{transport_about}

## Random configurations and random texts

{random}

{configurations:,} random meshes without errors, offered to a live Envoy of each role, and {texts:,} random texts and
trees to the checks.

## Certificates

{certificates}

Keys are of P-256; wall-clock time of {signed:,} each. The first row is what signing costs at all: names and no more,
the request's own signature not verified. A call is a whole `CreateCertificate`: token, pod, request, signature, gRPC,
with the callers in a process of their own on the same CPUs.

## Two hops with mutual TLS

{hops}

{rate} requests a second over kept connections, {rounds_of} rounds of {seconds} s of each path by turns. The bare
Envoys have certificates of the same kind, TLS 1.3 and one route, and neither an access log nor a policy.

## Many policies on one workload

{rules}

The same client calls two servers by turns, {policies_rounds} rounds each: of {policies} AuthorizationPolicies, that
ask for all sorts of things, the last one lets it in.
"""


@click.group(invoke_without_command=True)
@click.option("--services", "sizes", multiple=True, default=(100, 1000), show_default=True,
    help="Sizes of meshes to compile; changes are measured in the last one.")  # fmt: skip
@click.pass_context
def main(context: click.Context, sizes: tuple[int, ...]) -> None:
    """Measure. Without a command: everything, printed as docs/reference/performance.md."""
    if context.invoked_subcommand is None:
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
        click.echo(_everything(sizes))


main.add_command(crowd.main, "crowd")
main.add_command(churn.main, "churn")
main.add_command(ondemand.main, "ondemand")


def _everything(sizes: tuple[int, ...]) -> str:
    compiled = [compiling.measure(size) for size in sizes]
    pushed = [row for count in PROXIES for row in asyncio.run(push.measure(sizes[-1], count))]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return _TEXT.format(
        date=datetime.datetime.now(datetime.UTC).date(),
        cpus=os.cpu_count(),
        memory=round(memory),
        compiled=table(compiling.HEAD, compiled),
        documents=validating.DOCUMENTS,
        validated=validating.measure(),
        validations=validating.ROUNDS,
        pushed=table(push.HEAD, sorted(pushed, key=lambda row: str(row[0]))),
        services=sizes[-1],
        crowd=crowd.unable() or crowd.page_part(crowd.measured([(crowd.SERVICES, crowd.STREAMS)])[0]),
        ondemand=ondemand.unable() or ondemand.tables(),
        transport=table(transport.HEAD, transport.measure()),
        transport_about=transport.ABOUT,
        random=random_checks.measure(),
        configurations=random_checks.CONFIGURATIONS,
        texts=20_000 * random_checks.FUZZ,
        certificates=table(certificates.HEAD, certificates.measure()),
        signed=certificates.ROUNDS,
        rounds=push.ROUNDS,
        convergence=table(convergence.HEAD, convergence.measure()) if os.geteuid() == 0 else UNABLE,
        turns=convergence.ROUNDS,
        hops=table(hops.HEAD, hops.measure()) if os.geteuid() == 0 else UNABLE,
        rate=hops.RATE,
        rounds_of=hops.ROUNDS,
        seconds=hops.SECONDS,
        rules=table(rules.HEAD, rules.measure()) if os.geteuid() == 0 else UNABLE,
        policies=rules.POLICIES,
        policies_rounds=rules.ROUNDS,
    )


if __name__ == "__main__":
    main()
