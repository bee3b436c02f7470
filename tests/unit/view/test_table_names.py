"""What is decided once for all namespaces is what each of them would decide for itself."""

from random import Random

import pytest

from meltemi.core.engine.engine import Engine
from meltemi.core.model.proxy import Proxy, Role, Sight
from meltemi.core.model.resource import ResourceType
from meltemi.core.pipeline.scope import scope_of
from meltemi.core.pipeline.slots import slots
from meltemi.core.view.table_names import domains_of, own_domains, table_domains
from meltemi.core.view.virtual_host import free_hosts, hosts_at, table_hosts
from meshes import mesh_of

NAMESPACES = ("east", "north", "south")
EXPORTS = ("'*'", ".", "north, south")
HOSTS = ("ext.example.com", "cart", "cart.north", "cart.east.svc.cluster.local", "'*.example.com'", "pay.south.svc")
FREE = ("free.example.org", "cart", "cart.north", "'*.example.org'", "pay", "cart.south.svc.cluster.local")


def document(kind: str, name: str, namespace: str, spec: str, annotations: str = "") -> str:
    group = "v1" if kind == "Service" else "networking.istio.io/v1"
    return (
        f"---\napiVersion: {group}\nkind: {kind}\n"
        f"metadata: {{name: {name}, namespace: {namespace}, annotations: {{{annotations}}}}}\nspec: {spec}\n"
    )


def service(name: str, namespace: str, spec: str, annotations: str = "") -> str:
    return document("Service", name, namespace, spec, annotations)


def world(seed: int) -> str:
    """Services of the same names in all namespaces, and others that would like to be called as they are."""
    random = Random(seed)

    def somewhere() -> str:
        return random.choice(NAMESPACES)

    text = [
        service(name, namespace, "{ports: [{port: 80, name: http}, {port: 81, name: http}]}")
        for name in ("cart", "pay")
        for namespace in NAMESPACES
    ]
    for i in range(random.randrange(4)):
        address = random.choice(("10.0.0.1", "10.0.0.2", "None"))
        own = random.choice(("", "networking.istio.io/exportTo: .", "networking.istio.io/exportTo: 'north,south'"))
        spec = f"{{clusterIP: {address}, ports: [{{port: 80, name: http}}]}}"
        text.append(service(f"own-{i}", somewhere(), spec, own))
    for i in range(random.randrange(5)):
        address = random.choice(("", ", addresses: [10.0.0.1]", ", addresses: [10.0.0.2]"))
        spec = f"hosts: [{random.choice(HOSTS)}], ports: [{{number: 80, name: http}}], resolution: NONE{address}"
        spec = f"{{{spec}, exportTo: [{random.choice(EXPORTS)}]}}"
        text.append(document("ServiceEntry", f"entry-{i}", somewhere(), spec))
    for i in range(random.randrange(3)):
        to = random.choice(("cart.north.svc.cluster.local", "ext.example.com", "elsewhere.example.net"))
        spec = f"{{type: ExternalName, externalName: {to}, ports: [{{port: 80, name: http}}]}}"
        text.append(service(f"alias-{i}", somewhere(), spec))
    for i in range(random.randrange(4)):
        kind = random.choice(("http", "http", "tcp"))
        spec = f"{kind}: [{{route: [{{destination: {{host: cart.north.svc.cluster.local, port: {{number: 80}}}}}}]}}]"
        spec = f"{{hosts: [{random.choice(FREE)}], exportTo: [{random.choice(EXPORTS)}], {spec}}}"
        text.append(document("VirtualService", f"rule-{i}", somewhere(), spec))
    return "".join(text)


def virtual_hosts(mesh: Engine, namespace: str) -> list[str]:
    proxy = Proxy(role=Role.SIDECAR, id=f"client.{namespace}", namespace=namespace)
    listed = mesh.get(slots, mesh.get(scope_of, proxy))
    return sorted(slot.name for slot in listed if slot.type is ResourceType.VIRTUAL_HOST)


@pytest.mark.parametrize("seed", range(150))
def test_every_host_has_the_names_that_looking_at_all_of_them_gives(seed: int) -> None:
    mesh = mesh_of(world(seed))
    for namespace in NAMESPACES:
        sight = Sight(namespace=namespace)
        for port in mesh.get(table_hosts, sight):
            hosts = (*mesh.get(hosts_at, sight, port), *mesh.get(free_hosts, sight, port))
            named = {host: domains_of(mesh, sight, port, host) for host in hosts}
            assert named == mesh.get(table_domains, sight, port)
            own = [name for name in virtual_hosts(mesh, namespace) if name.startswith(f"{port}/")]
            assert own == sorted([f"{port}/allow_any", *(f"{port}/{host}:{port}" for host in hosts)])


def test_a_name_that_goes_elsewhere_in_one_namespace_is_found_there_only() -> None:
    entry = "{hosts: [cart], ports: [{number: 80, name: http}], resolution: NONE, exportTo: [.]}"
    text = service("cart", "east", "{ports: [{port: 80, name: http}]}")
    mesh = mesh_of(text + document("ServiceEntry", "cart", "east", entry))
    assert mesh.get(own_domains, Sight(namespace="east"), 80) is None
    assert mesh.get(own_domains, Sight(namespace="north"), 80) == {}
    assert "cart" not in domains_of(mesh, Sight(namespace="east"), 80, "cart.east.svc.cluster.local")
