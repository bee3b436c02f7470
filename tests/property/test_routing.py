"""However a mesh came about, a proxy gets what a fresh start would give it, and no two resources clash."""

from hypothesis import given, settings
from hypothesis import strategies as st

from meltemi.core.engine.engine import Engine
from meltemi.core.envoy import pb
from meltemi.core.model.document import Document, Key
from meltemi.core.model.proxy import Role, Scope
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.model.value import Value
from meltemi.core.pipeline.gateway import gateway_slots
from meltemi.core.pipeline.outbound import outbound_slots
from meshes import documents, service, virtual_service

SIDECAR = Scope(role=Role.SIDECAR, namespace="default", labels=(("v", "1"),))
ROUTER = Scope(role=Role.ROUTER, namespace="edge", labels=(("istio", "in"),))


def gateway(name: str, protocol: str, hosts: str) -> str:
    return (
        "---\napiVersion: networking.istio.io/v1\nkind: Gateway\n"
        f"metadata: {{name: {name}, namespace: default}}\n"
        "spec:\n  selector: {istio: in}\n"
        f"  servers: [{{port: {{number: 80, name: p, protocol: {protocol}}}, hosts: [{hosts}]}}]\n"
    )


def rule(name: str, host: str, to: str, more: str = "") -> str:
    ways = f"route: [{{destination: {{host: {to}}}}}]"
    return virtual_service(
        name, f"{{hosts: ['{host}'], gateways: [mesh, g], http: [{{{more}{ways}}}], tcp: [{{{ways}}}]}}"
    )


TEXTS = (
    service("a", "http:80", "tcp:90", address="198.19.0.1"),
    service("a", "x:80", address="198.19.0.1"),
    service("a", "http:80", "tcp:90"),
    service("b", "http:80", address="198.19.0.2"),
    service("b", "tcp:80", address="198.19.0.1"),
    service("b", "http:80", "http-more:81", address="198.19.0.1"),
    rule("r", "a", "b"),
    rule("r", "a", "nobody", "timeout: 3s, "),
    rule("r", "*.local", "b"),
    rule("s", "a", "a", "match: [{sourceLabels: {v: '1'}}], "),
    rule("s", "shop.example.com", "b"),
    rule("s", "*", "b"),
    gateway("g", "HTTP", "'*'"),
    gateway("g", "TCP", "'*'"),
    gateway("h", "HTTP", "shop.example.com"),
)
WRITTEN = tuple(documents(text)[0] for text in TEXTS)
KEYS = sorted({d.key for d in WRITTEN})

EDITS = st.lists(st.one_of(st.sampled_from(WRITTEN), st.sampled_from(KEYS), st.just("ask")), min_size=1, max_size=20)

World = dict[Key, Document[Value]]


def put(engine: Engine, world: World, changed: Key) -> None:
    engine.put(("doc", changed), world.get(changed))
    same = frozenset(k for k in world if (k.group, k.kind) == (changed.group, changed.kind))
    engine.put(("docs", changed.group, changed.kind), same)


def offered(engine: Engine) -> dict[tuple[Role, ResourceType, str], Resource]:
    found: dict[tuple[Role, ResourceType, str], Resource] = {}
    for scope, slots in ((SIDECAR, outbound_slots), (ROUTER, gateway_slots)):
        for slot in engine.get(slots, scope):
            resource = slot.body.run(engine)
            place = (scope.role, slot.type, slot.name)
            assert place not in found, "two resources of one name"
            if resource is not None:
                assert resource.name == slot.name
                found[place] = resource
    return found


def names_of_table(resources: dict[tuple[Role, ResourceType, str], Resource]) -> list[tuple[Role, str, str]]:
    hosts = ((role, name, r) for (role, kind, name), r in resources.items() if kind is ResourceType.VIRTUAL_HOST)
    return [
        (role, name.rpartition("/")[0], domain)
        for role, name, resource in hosts
        for domain in pb.VirtualHost.FromString(resource.body).domains
    ]


@settings(max_examples=60, deadline=None)
@given(EDITS)
def test_incremental_equals_from_scratch(edits: list[Document[Value] | Key | str]) -> None:
    live, world = Engine(), World()
    for edit in edits:
        if isinstance(edit, Document):
            world[edit.key] = edit
            put(live, world, edit.key)
        elif isinstance(edit, Key):
            world.pop(edit, None)
            put(live, world, edit)
        else:
            offered(live)

    fresh = Engine()
    for key in world:
        put(fresh, world, key)

    assert offered(live) == offered(fresh)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(WRITTEN), max_size=10))
def test_a_name_stands_in_a_table_once(chosen: list[Document[Value]]) -> None:
    """Envoy refuses a second host for one domain."""
    engine, world = Engine(), World()
    for document in chosen:
        world[document.key] = document
        put(engine, world, document.key)

    domains = names_of_table(offered(engine))

    assert len(domains) == len(set(domains))
