"""`meltemi manifest generate`: what a Kubernetes API server must have before it can hold the mesh's documents.

Place:  apps/cli · core/crds → YAML
Exit:   0

`meltemi up --kube` installs it by itself; for another cluster: meltemi manifest generate | kubectl apply -f -
"""

import sys

import click


@click.group(help=__doc__)
def command() -> None:
    """Manifests for Kubernetes."""


@command.command()
@click.option("--old", is_flag=True, help="also the kinds that ended with Istio 1.5 (RouteRule, Mixer's, …)")
def generate(*, old: bool) -> None:
    """Print the CustomResourceDefinitions of all kinds that Meltemi reads or stores."""
    import yaml

    from meltemi.apps.descriptions import describe
    from meltemi.core.crds.definitions import definitions

    class Plain(yaml.SafeDumper):
        """Repeats what occurs twice: kubectl reads anchors, people do not."""

        def ignore_aliases(self, data: object) -> bool:
            return True

    yaml.dump_all(definitions(describe, old=old), sys.stdout, Plain, sort_keys=False, width=120, allow_unicode=True)
