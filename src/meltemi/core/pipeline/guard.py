"""What stands before the workload of one proxy.

Place:  pipeline/{proxies,scope}, view/guard → [pipeline/guard] → servers/api/authorization, `x authz check`
"""

from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key
from meltemi.core.model.proxy import Proxy
from meltemi.core.pipeline.proxies import pod_proxy
from meltemi.core.pipeline.scope import scope_of
from meltemi.core.view.guard import Guard, guard


def proxy_guard(e: Engine, proxy: Proxy) -> Guard:
    """Of a proxy that is described."""
    return e.get(guard, e.get(scope_of, proxy))


def pod_guard(e: Engine, key: Key) -> tuple[Guard, tuple[str, ...]] | None:
    """Of a pod, and the pod's addresses; None where there is none, or it has no proxy."""
    proxy = e.get(pod_proxy, key)
    return (proxy_guard(e, proxy), proxy.addresses) if proxy else None
