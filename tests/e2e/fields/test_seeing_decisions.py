"""What a decision leaves behind: lines of logs that name the rule, a header where it is asked for, and counters."""

import re

import pytest

from e2e.fields.settings import Settings, edge, through
from e2e.fields.world import World
from e2e.mesh import eventually
from meltemi.core.envoy.policy_header import HEADER
from meltemi.core.model.mesh_proxy import POLICY_HEADER
from meltemi.shell.client import Client

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SELECT = "selector: {matchLabels: {app: echo, version: one}}\n"
TRIED = "{istio.io/dry-run: 'true'}"


def policy(world: World, spec: str, name: str, annotations: str = "") -> None:
    world.apply("AuthorizationPolicy", name, spec, group="security", annotations=annotations)


def to_one(world: World) -> None:
    """All requests go to the first version of echo."""
    world.virtual_service("http: [{route: [{destination: {host: echo, subset: one}}]}]")


def paths(*written: str) -> str:
    return f"[{{to: [{{operation: {{paths: [{', '.join(written)}]}}}}]}}]"


def logs(world: World, path: str, words: str) -> bool:
    """Whether the proxy logs a request so. An open connection goes on with the format that it began with."""
    pod = world.mesh.pod("echo-one-")

    def seen() -> bool:
        world.client.ask("echo", path)
        text = world.mesh.run("logs", pod, "-c", "istio-proxy", "--tail", "20")
        return any(path in line and words in line for line in text.splitlines())

    return bool(eventually(seen))


def test_lines_of_logs_name_what_decided(world: World, settings: Settings) -> None:
    to_one(world)
    policy(world, f"{SELECT}action: DENY\nrules: {paths('/no*')}", "refuse")
    policy(world, f"{SELECT}rules: [{{to: [{{operation: {{paths: [/x]}}}}]}}, {{}}]", "let-in")
    policy(world, f"{SELECT}action: AUDIT\nrules: {paths('/watched*')}", "watched")
    settings.put("accessLogFile: /dev/stdout")
    refused = "rbac_access_denied_matched_policy[ns[default]-policy[refuse]-rule[0]]"
    assert logs(world, "/no/text", f" 403 - {refused} ")
    settings.put("accessLogFile: /dev/stdout\naccessLogEncoding: JSON")
    assert logs(world, "/no/json", f'"response_code_details":"{refused}"')
    settings.put(f"accessLogFile: /dev/stdout\naccessLogFormat: '%REQ(:PATH)% {ALLOWED_BY} {AUDITED_BY}'")
    assert logs(world, "/let-in", " ns[default]-policy[let-in]-rule[1] -")
    assert logs(world, "/watched", " ns[default]-policy[let-in]-rule[1] ns[default]-policy[watched]-rule[0]")


ALLOWED_BY = "%DYNAMIC_METADATA(envoy.filters.http.rbac:enforced_effective_policy_id)%"
AUDITED_BY = "%DYNAMIC_METADATA(envoy.filters.http.rbac:meltemi_audit_enforced_effective_policy_id)%"


def test_connections_that_are_refused_name_what_refused(world: World, settings: Settings) -> None:
    settings.put("accessLogFile: /dev/stdout")
    spec = "action: DENY\nrules: [{to: [{operation: {ports: ['7000']}}]}]"
    policy(world, f"selector: {{matchLabels: {{app: echo}}}}\n{spec}", "no-lines")
    assert eventually(lambda: not world.client.line("echo", 7000))
    # Two pods answer: one of them has it in its log.
    assert eventually(lambda: not world.client.line("echo", 7000) and _named(world))


def _named(world: World) -> bool:
    lines = world.mesh.run("logs", world.mesh.pod("echo-one-"), "-c", "istio-proxy")
    return "rbac_access_denied_matched_policy[ns[default]-policy[no-lines]-rule[0]]" in lines


def show(world: World, pod: str, value: str | None, namespace: str = "default") -> None:
    """Annotate a running pod."""
    patch = {"metadata": {"annotations": {POLICY_HEADER: value}}}
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}"
    Client(world.mesh.state / "api.sock").call("PATCH", path, patch, content_type="application/merge-patch+json")


def test_a_header_says_what_decided(world: World) -> None:
    to_one(world)
    policy(world, f"{SELECT}action: DENY\nrules: {paths('/no*')}", "refuse")

    def said(path: str, **headers: str) -> str | None:
        return world.client.ask("echo", path, headers=headers).headers.get(HEADER)

    assert eventually(lambda: world.client.ask("echo", "/no").status == 403)
    assert said("/no", **{HEADER: "true"}) is None  # a caller cannot ask for it
    pod = world.mesh.pod("echo-one-")
    gateway = world.mesh.json("get", "pods", "-n", "istio-system")["items"][0]["metadata"]["name"]
    show(world, pod, "true")
    try:
        assert eventually(lambda: said("/no") == "denied ns[default]-policy[refuse]-rule[0]")
        assert said("/yes", **{HEADER: "allowed by me"}) == "allowed"
        policy(world, f"{SELECT}rules: {paths('/x', '/yes')}", "let-in")
        assert eventually(lambda: said("/yes") == "allowed ns[default]-policy[let-in]-rule[0]")
        assert said("/other") == "denied"  # nobody allowed it
        edge(world)
        assert eventually(lambda: through(world.mesh, "/yes")[0] == 200)
        assert HEADER not in through(world.mesh, "/yes")[1]  # what is said inside is not told outside
        show(world, gateway, "true", "istio-system")
        inner = "allowed ns[default]-policy[let-in]-rule[0]"
        assert eventually(lambda: through(world.mesh, "/yes")[1].get(HEADER) == inner)
    finally:
        show(world, pod, None)
        show(world, gateway, None, "istio-system")
    assert eventually(lambda: said("/yes") is None)


COUNTER = re.compile(r"^envoy_http_rbac(_\w+)?\{(.*)\} (\d+)$", re.MULTILINE)


def counters(world: World) -> dict[tuple[str, str, str, str], int]:
    """(rest of the name, action, result, rule) → count, from the page that Prometheus reads."""
    ask = ("pilot-agent", "request", "--debug-port", "15090", "GET", "stats/prometheus")
    page = world.mesh.exec(world.mesh.pod("echo-one-"), *ask, container="istio-proxy")
    found: dict[tuple[str, str, str, str], int] = {}
    for rest, labels, value in COUNTER.findall(page):
        said = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        if "8080" in said["http_conn_manager_prefix"]:
            names = ("authz_dry_run_action", "authz_dry_run_result", "authz_policy")
            action, result, rule = (said.get(name, "") for name in names)
            found[rest, action, result, rule] = int(value)
    return found


def test_what_is_only_tried_is_counted(world: World) -> None:
    to_one(world)
    policy(world, f"{SELECT}action: DENY\nrules: {paths('/tried')}", "try-deny", TRIED)
    policy(world, f"{SELECT}rules: {paths('/tried', '/fine')}", "try-allow", TRIED)
    policy(world, f"{SELECT}action: AUDIT\nrules: {paths('/tried')}", "watch")
    denies = ("_policy", "deny", "denied", "ns[default]-policy[try-deny]-rule[0]")
    assert eventually(lambda: world.client.ask("echo", "/tried").status == 200 and counters(world).get(denies))
    before = counters(world)
    for path in ("/tried", "/tried", "/fine", "/neither"):
        assert world.client.ask("echo", path).status == 200

    def more() -> dict[tuple[str, str, str, str], int]:
        return {name: n - before.get(name, 0) for name, n in counters(world).items() if n != before.get(name, 0)}

    expected = {
        denies: 2,
        ("", "deny", "denied", ""): 2,
        ("", "deny", "allowed", ""): 2,
        ("", "allow", "allowed", ""): 3,
        ("", "allow", "denied", ""): 1,
        ("_policy", "allow", "allowed", "ns[default]-policy[try-allow]-rule[0]"): 3,
        ("_meltemi_audit__policy_allowed", "", "", "ns[default]-policy[watch]-rule[0]"): 2,
    }
    assert eventually(lambda: {name: n for name, n in more().items() if name[0] != "_allowed"} == expected)


def test_connections_of_bytes_are_counted_too(world: World) -> None:
    policy(world, "selector: {matchLabels: {app: echo}}\naction: DENY\nrules: [{}]", "try-deny", TRIED)
    ask = ("pilot-agent", "request", "--debug-port", "15090", "GET", "stats/prometheus")

    def counted() -> bool:
        assert world.client.line("echo", 7000)
        page = world.mesh.exec(world.mesh.pod("echo-one-"), *ask, container="istio-proxy")
        return bool(re.search(TCP, page, re.MULTILINE))

    assert eventually(counted)


TCP = r'^envoy_tcp_rbac\{authz_dry_run_action="deny",authz_dry_run_result="denied"\} [1-9]'
