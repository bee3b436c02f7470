"""compose/targets: what a workload answers, and that a change asks each workload one small question at most."""

from collections import Counter

from meltemi.core.compose.targets import PIECES, Answering, targets
from meltemi.core.engine.engine import Engine
from meshes import documents, mesh_of

MANY = 40


def service(name: str, spec: str) -> str:
    return f"---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: default}}\nspec: {spec}\n"


def slice_of(name: str, *addresses: str, port: int = 8080) -> str:
    listed = ", ".join(f"{{addresses: [{one}]}}" for one in addresses)
    return (
        f"---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: {name}-x, namespace: default, "
        f"labels: {{kubernetes.io/service-name: {name}}}}}\naddressType: IPv4\n"
        f"ports: [{{name: http, port: {port}}}]\nendpoints: [{listed}]\n"
    )


SELECTING = service(
    "s", "{clusterIP: 198.19.0.1, selector: {app: s}, ports: [{name: http, port: 80, targetPort: web}]}"
)
LISTING = service("l", "{clusterIP: 198.19.0.2, ports: [{name: http, port: 81}]}") + slice_of("l", "10.0.0.1", port=7)


def own(address: str = "10.0.0.1", app: str = "s", namespace: str = "default") -> Answering:
    return Answering(namespace=namespace, labels=(("app", app),), addresses=(address,), names=(("web", 9090),))


def said(mesh: Engine, workload: Answering) -> list[tuple[str, int, int]]:
    return [(t.host.partition(".")[0], t.port, t.target) for t in mesh.get(targets, workload)]


def test_services_that_select_it_and_services_that_list_it():
    mesh = mesh_of(SELECTING + LISTING)

    assert said(mesh, own()) == [("l", 81, 7), ("s", 80, 9090)]
    assert said(mesh, own(app="other")) == [("l", 81, 7)]
    assert said(mesh, own("10.0.0.2")) == [("s", 80, 9090)]
    assert said(mesh, own("10.0.0.2", namespace="other")) == []


def test_where_it_is_listed_the_listed_port_counts():
    mesh = mesh_of(SELECTING + slice_of("s", "10.0.0.1", port=1234))

    assert said(mesh, own()) == [("s", 80, 1234)]


def test_an_endpoint_elsewhere_lets_few_workloads_look_again():
    texts = [
        service(f"s{i}", "{clusterIP: None, selector: {app: x}, ports: [{name: http, port: 80}]}") for i in range(50)
    ]
    mesh = mesh_of("".join(texts) + slice_of("s7", "10.0.0.1"))
    for i in range(MANY):
        mesh.watch(targets, own(f"10.1.0.{i}"))
    mesh.settle()
    before = Counter(mesh.runs)

    (changed,) = documents(slice_of("s7", "10.0.0.1", "10.0.0.2"))
    mesh.put(("doc", changed.key), changed)
    assert mesh.settle() == {}

    runs = Counter(mesh.runs) - before
    assert runs.pop("piece") <= PIECES
    assert runs.pop("targets", 0) < MANY / 10
    assert sum(runs.values()) < 20


def test_the_workload_that_becomes_an_endpoint_is_told():
    mesh = mesh_of(LISTING)
    workload = own("10.0.0.9")
    mesh.watch(targets, workload)
    (changed,) = documents(slice_of("l", "10.0.0.9", port=7))

    mesh.put(("doc", changed.key), changed)

    assert len(mesh.settle()) == 1
    assert said(mesh, workload) == [("l", 81, 7)]
