"""`meltemi up`: start a mesh on this machine, apply files, and say where it is reached.

Place:  apps/cli · arguments → apps/lifecycle → control plane, node → pods
Exit:   0 every pod is ready and every proxy has acknowledged · 1 a file was refused, or something did not come up
        2 could not
"""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meltemi.apps.cli.output import NetworkType, SpanType, output_option
from meltemi.apps.cli.state import network_options, state_option

if TYPE_CHECKING:
    from meltemi.apps.followed import Followed
    from meltemi.apps.lifecycle import Lifecycle


@click.command(help=__doc__)
@state_option
@output_option
@click.option("-f", "files", multiple=True, type=click.Path(exists=True, path_type=Path), help="apply this file first")
@click.option("--detach", is_flag=True, help="return when all is ready; `meltemi down` ends it")
@click.option("--watch", is_flag=True, help="stay, and follow what becomes of the files given by -f")
@click.option(
    "--gateway-port", type=click.IntRange(1, 65535), help="serve the ingress gateway on this port of 127.0.0.1"
)
@click.option("--egress-gateway", is_flag=True, help="have an egress gateway, as Istio's tasks expect it")
@click.option(
    "--images", multiple=True, type=click.Path(exists=True, path_type=Path), help="a map from images to commands"
)
@click.option(
    "--mesh-config", type=click.Path(exists=True, path_type=Path), help="a MeshConfig, as in Istio's ConfigMap"
)
@click.option("--kube", is_flag=True, help="run from a real Kubernetes API server, for kubectl")
@network_options
@click.option("--xds-port", type=click.IntRange(1, 65535), help="let tools ask for xDS on this port of 127.0.0.1")
@click.option("--ca-port", type=click.IntRange(1, 65535), help="let agents ask for certificates on this port, with TLS")
@click.option(
    "--xds-tls-port", type=click.IntRange(1, 65535), help="serve xDS to proxies with a certificate on this port"
)
@click.option("--certificate-life", type=SpanType(), help="how long workloads' certificates live  [default: 24h]")
@click.option(
    "--discovery",
    type=click.Choice(["full", "ondemand", "auto"]),
    help="what sidecars hold: everything, what their workloads call, or either by size  [default: auto]",
)
@click.option(
    "--keys-every",
    type=SpanType(),
    help="how often keys of tokens and changing modules are fetched  [default: 20m]",
)
@click.option(
    "--keys-from",
    multiple=True,
    type=NetworkType(),
    help="let keys of tokens and modules be fetched from this network, although it is of this machine or its link",
)
@click.option(
    "--insecure-registry",
    "insecure_registries",
    multiple=True,
    metavar="HOST[:PORT]",
    help="ask this registry for modules of WebAssembly without TLS",
)
@click.option("--timeout", default=120.0, show_default=True, help="seconds that everything may take to come up")
@click.pass_context
def command(
    context: click.Context,
    *,
    state: Path,
    output: str,
    files: tuple[Path, ...],
    detach: bool,
    watch: bool,
    gateway_port: int | None,
    egress_gateway: bool,
    pod_cidr: str,
    service_cidr: str,
    images: tuple[Path, ...],
    mesh_config: Path | None,
    kube: bool,
    xds_port: int | None,
    ca_port: int | None,
    xds_tls_port: int | None,
    certificate_life: float | None,
    discovery: str | None,
    keys_every: float | None,
    keys_from: tuple[str, ...],
    insecure_registries: tuple[str, ...],
    timeout: float,
) -> None:
    """Start, apply, wait; then return or stay in the foreground."""
    from meltemi.apps import lifecycle
    from meltemi.apps.followed import followed

    if watch and (detach or not files):
        raise click.UsageError("--watch stays, and follows what '-f' names: leave --detach out, and give -f")
    options = lifecycle.Options(
        state=state,
        gateway_port=gateway_port,
        egress_gateway=egress_gateway,
        pod_cidr=pod_cidr,
        service_cidr=service_cidr,
        images=images,
        mesh_config=mesh_config,
        kube=kube,
        xds_port=xds_port,
        ca_port=ca_port,
        xds_tls_port=xds_tls_port,
        certificate_life=certificate_life,
        discovery=discovery,
        keys_every=keys_every,
        keys_from=keys_from,
        insecure_registries=insecure_registries,
    )
    mesh = lifecycle.Lifecycle(options, say=lambda text: click.echo(text, err=True))
    mesh.prepare()
    with contextlib.nullcontext() if detach else lifecycle.foreground(mesh):
        mesh.start()
        told = followed(state, files) if watch else None
        good = (told.all() if told else mesh.apply(files)) and mesh.wait_ready(timeout)
        _tell(mesh.address(), mesh.kubeconfig, output)
        if not detach:
            _stay(state, mesh, told)
    context.exit(0 if good else 1)


def _stay(state: Path, mesh: "Lifecycle", told: "Followed | None") -> None:
    """Until Ctrl-C, or the mesh's end; files that are followed are followed."""
    from meltemi.apps.followed import follow
    from meltemi.apps.lifecycle import running

    click.echo("Ctrl-C takes it down", err=True)
    if told is None:
        mesh.stay()
    else:
        follow(told, lambda: running(state))


def _tell(address: str, kubeconfig: Path | None, output: str) -> None:
    if output == "json":
        import json

        click.echo(json.dumps({"address": address} | ({"kubeconfig": str(kubeconfig)} if kubeconfig else {})))
        return
    click.echo(f"gateway: {address}")
    if kubeconfig:
        click.echo(f"kubectl: export KUBECONFIG={kubeconfig}")
