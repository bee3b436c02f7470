"""Kubeconfigs: where the API server is, whom to believe, who one is.

Place:  shell/kube · pki → [kubeconfig] → STATE/kube/*.kubeconfig → kubectl, lightkube, controllers
"""

import base64
import json
import os
from pathlib import Path
from typing import Any

from meltemi.shell.kube.pki import Pki

NAME = "meltemi"


def write_kubeconfig(file: Path, pki: Pki, client: str, server: str, *, whole: bool) -> None:
    """`whole`: with the certificates in it, so that it can be copied; else with their paths. YAML takes JSON."""
    cluster = {"server": server} | _part("certificate-authority", pki.crt("ca"), whole)
    config = {
        "apiVersion": "v1", "kind": "Config", "current-context": NAME,
        "clusters": [{"name": NAME, "cluster": cluster}],
        "users": [{
            "name": client,
            "user": _part("client-certificate", pki.crt(client), whole) | _part("client-key", pki.key(client), whole),
        }],
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": client}}],
    }  # fmt: skip
    draft = file.with_name(f".{file.name}.new")
    draft.unlink(missing_ok=True)
    number = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(number, "w") as opened:
        json.dump(config, opened, indent=2)
    draft.replace(file)


def _part(name: str, file: Path, whole: bool) -> dict[str, Any]:
    return {f"{name}-data": base64.b64encode(file.read_bytes()).decode()} if whole else {name: str(file)}
