"""What the mesh has to say across documents.

Place:  view/{routing,destination,sidecar,workload,proxy,peer,credential,token,module,rbac}_findings,
        view/authentication_findings,
        pipeline/{patch,authorization}_findings, pipeline/bootstrap
        → [pipeline/findings] → API, status, `compile`
"""

from typing import cast

from meltemi.core.engine.engine import Engine
from meltemi.core.model.finding import Finding
from meltemi.core.pipeline.authorization_findings import authorization_findings
from meltemi.core.pipeline.bootstrap import bootstrap_findings
from meltemi.core.pipeline.patch_findings import patch_findings
from meltemi.core.view.authentication_findings import authentication_findings
from meltemi.core.view.credential_findings import credential_findings
from meltemi.core.view.destination_findings import destination_findings
from meltemi.core.view.module_findings import module_findings
from meltemi.core.view.peer_findings import peer_findings
from meltemi.core.view.proxy_findings import proxy_findings
from meltemi.core.view.rbac_findings import rbac_findings
from meltemi.core.view.routing_findings import routing_findings
from meltemi.core.view.sidecar_findings import sidecar_findings
from meltemi.core.view.token_findings import token_findings
from meltemi.core.view.workload_findings import workload_findings


def findings(e: Engine) -> tuple[Finding, ...]:
    """Every finding of compose and view, and of ingest on what is not in force.

    Those of single documents are kept with the documents.
    """
    unsound = cast("tuple[Finding, ...]", e.read(("unsound",)) or ())
    makers = (
        patch_findings,
        bootstrap_findings,
        destination_findings,
        routing_findings,
        sidecar_findings,
        workload_findings,
        proxy_findings,
        peer_findings,
        credential_findings,
        authorization_findings,
        token_findings,
        module_findings,
        rbac_findings,
        authentication_findings,
    )
    said = (e.get(f) for f in makers)
    return (*(finding for some in said for finding in some), *unsound)
