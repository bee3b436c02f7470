"""Fields of VirtualService, each by real requests through real Envoys."""

from collections import Counter

import pytest

from e2e.fields.shown import shows
from e2e.fields.world import World
from e2e.mesh import Mesh, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

VS = "VirtualService"


def answers(*rules: tuple[str, str]) -> str:
    """HTTP rules that answer by themselves, each with its name: (name, match as one line of YAML)."""
    return "http:\n" + "".join(
        f"- name: {name}\n  match: [{match}]\n  directResponse: {{status: 200, body: {{string: {name}}}}}\n"
        for name, match in rules
    )


@shows(VS, "uri.exact", "uri.prefix", "uri.regex", "ignoreUriCase", "port", under="http[].match[].")
@shows(VS, "hosts[]", "http[].name", "http[].directResponse.status", "http[].directResponse.body.string")
def test_matches_of_the_path(world: World) -> None:
    world.virtual_service(
        answers(
            ("exact", "{uri: {exact: /exact}}"),
            ("prefix", "{uri: {prefix: /pre}}"),
            ("regex", "{uri: {regex: '/re[0-9]+'}}"),
            ("caseless", "{uri: {exact: /Case}, ignoreUriCase: true}"),
            ("elsewhere", "{uri: {exact: /port}, port: 81}"),
            ("here", "{uri: {exact: /port}, port: 80}"),
        )
    )
    ask = {path: world.client.ask("echo", path) for path in ("/exact", "/pre/x", "/re42", "/cASE", "/port")}

    assert {path: answer.body for path, answer in ask.items()} == {
        "/exact": "exact", "/pre/x": "prefix", "/re42": "regex", "/cASE": "caseless", "/port": "here",
    }  # fmt: skip
    assert all(answer.status == 200 for answer in ask.values())
    assert world.client.ask("echo", "/exactly").status == 404
    assert world.client.ask("echo", "/re").status == 404


@shows(VS, "method.exact", "method.prefix", "method.regex", under="http[].match[].")
@shows(VS, "authority.exact", "authority.prefix", "authority.regex", under="http[].match[].")
@shows(VS, "scheme.exact", "scheme.prefix", "scheme.regex", under="http[].match[].")
def test_matches_of_method_authority_and_scheme(world: World) -> None:
    world.virtual_service(
        answers(
            ("method", "{uri: {exact: /m}, method: {exact: POST}}"),
            ("method-prefix", "{uri: {exact: /m}, method: {prefix: DEL}}"),
            ("method-regex", "{uri: {exact: /m}, method: {regex: 'P.T'}}"),
            ("full", "{uri: {exact: /a}, authority: {exact: echo.default}}"),
            ("longer", "{uri: {exact: /a}, authority: {prefix: echo.default.svc}}"),
            ("short", "{uri: {exact: /a}, authority: {regex: 'ec.o'}}"),
            ("https", "{uri: {exact: /s}, scheme: {exact: https}}"),
            ("http", "{uri: {exact: /s}, scheme: {exact: http}}"),
            ("http-prefix", "{uri: {exact: /sp}, scheme: {prefix: htt}}"),
            ("http-regex", "{uri: {exact: /sr}, scheme: {regex: 'h.*p'}}"),
        )
    )
    client = world.client
    found = [client.ask("echo", "/m", method=method).body for method in ("POST", "DELETE", "PUT")]
    named = [client.ask(host, "/a").body for host in ("echo.default", "echo.default.svc", "echo")]

    assert found == ["method", "method-prefix", "method-regex"]
    assert named == ["full", "longer", "short"]
    assert [client.ask("echo", path).body for path in ("/s", "/sp", "/sr")] == ["http", "http-prefix", "http-regex"]


@shows(VS, "headers.*.exact", "headers.*.prefix", "headers.*.regex", under="http[].match[].")
@shows(VS, "withoutHeaders.*.exact", "withoutHeaders.*.prefix", "withoutHeaders.*.regex", under="http[].match[].")
@shows(VS, "queryParams.*.exact", "queryParams.*.prefix", "queryParams.*.regex", under="http[].match[].")
def test_matches_of_headers_and_parameters(world: World) -> None:
    world.virtual_service(
        answers(
            ("exact", "{uri: {exact: /h}, headers: {x-a: {exact: one}}}"),
            ("prefix", "{uri: {exact: /h}, headers: {x-a: {prefix: tw}}}"),
            ("regex", "{uri: {exact: /h}, headers: {x-a: {regex: '[0-9]+'}}}"),
            ("present", "{uri: {exact: /h}, headers: {x-b: {}}}"),
            (
                "without",
                "{uri: {exact: /w}, withoutHeaders: {x-a: {exact: one}, x-b: {prefix: b}, x-c: {regex: 'c+'}}}",
            ),
            ("absent", "{uri: {exact: /v}, withoutHeaders: {x-a: {}}}"),
            ("q-exact", "{uri: {exact: /q}, queryParams: {a: {exact: one}}}"),
            ("q-prefix", "{uri: {exact: /q}, queryParams: {a: {prefix: tw}}}"),
            ("q-regex", "{uri: {exact: /q}, queryParams: {a: {regex: '[0-9]+'}}}"),
        )
    )

    def asked(path: str, **headers: str) -> str:
        return world.client.ask("echo", path, headers={k.replace("_", "-"): v for k, v in headers.items()}).body

    given = [asked("/h", x_a="one"), asked("/h", x_a="two"), asked("/h", x_a="42"), asked("/h", x_b="")]
    assert given == ["exact", "prefix", "regex", "present"]
    assert [asked("/w"), asked("/w", x_a="two"), asked("/v")] == ["without", "without", "absent"]
    assert [asked("/w", x_a="one"), asked("/w", x_b="bb"), asked("/w", x_c="ccc"), asked("/v", x_a="")] == [""] * 4
    assert [asked(f"/q?a={a}") for a in ("one", "two", "42", "x")] == ["q-exact", "q-prefix", "q-regex", ""]


@shows(VS, "sourceLabels", "sourceNamespace", "gateways[]", under="http[].match[].")
@shows(VS, "gateways[]")
def test_matches_of_the_source(world: World) -> None:
    world.virtual_service(
        answers(
            ("other-app", "{uri: {exact: /l}, sourceLabels: {app: other}}"),
            ("own-app", "{uri: {exact: /l}, sourceLabels: {app: client}}"),
            ("other-space", "{uri: {exact: /n}, sourceNamespace: other}"),
            ("own-space", "{uri: {exact: /n}, sourceNamespace: default}"),
            ("gateway", "{uri: {exact: /g}, gateways: [some-gateway]}"),
            ("mesh", "{uri: {exact: /g}, gateways: [mesh]}"),
        )
        + "gateways: [mesh, some-gateway]\n"
    )

    assert [world.client.ask("echo", p).body for p in ("/l", "/n", "/g")] == ["own-app", "own-space", "mesh"]


@shows(VS, "weight", "destination.host", "destination.subset", "destination.port.number", under="http[].route[].")
def test_shares(world: World) -> None:
    world.virtual_service("""
http:
- route:
  - {destination: {host: echo, subset: one, port: {number: 80}}, weight: 80}
  - {destination: {host: echo, subset: two, port: {number: 80}}, weight: 20}
""")

    found = world.versions(300)
    assert abs(found["one"] - 240) < 4.5 * (300 * 0.8 * 0.2) ** 0.5


@shows(VS, "request.set", "request.add", "request.remove[]", under="http[].headers.")
@shows(VS, "response.set", "response.add", "response.remove[]", under="http[].headers.")
@shows(VS, "request.set", "request.add", "request.remove[]", under="http[].route[].headers.")
@shows(VS, "response.set", "response.add", "response.remove[]", under="http[].route[].headers.")
def test_headers_are_changed(world: World) -> None:
    changes = "{set: {x-%s-set: new}, add: {x-%s-add: more}, remove: [x-%s-gone]}"
    of_rule, of_route = (
        f"{{request: {c}, response: {c}}}" for c in (changes.replace("%s", w) for w in ("rule", "way"))
    )
    of_route = of_route.replace("x-way-gone", "x-served-by", 2).replace("x-served-by", "x-way-gone", 1)
    world.virtual_service(f"""
http:
- headers: {of_rule}
  route:
  - destination: {{host: echo, subset: one}}
    headers: {of_route}
""")
    sent = {f"x-{w}-{what}": "old" for w in ("rule", "way") for what in ("set", "add", "gone")}

    seen = world.client.seen("echo", headers=sent)
    answer = world.client.ask("echo", "/headers", headers=sent)

    for w in ("rule", "way"):
        assert (seen[f"x-{w}-set"], seen[f"x-{w}-add"]) == ("new", "old,more")
        assert f"x-{w}-gone" not in seen
        assert (answer.headers[f"x-{w}-set"], answer.headers[f"x-{w}-add"]) == ("new", "more")
    assert "x-served-by" not in answer.headers


@shows(VS, "appendHeaders", "appendRequestHeaders", "removeRequestHeaders[]", under="http[].")
@shows(VS, "appendResponseHeaders", "removeResponseHeaders[]", under="http[].")
def test_headers_are_changed_by_the_old_words(world: World) -> None:
    world.virtual_service("""
http:
- appendHeaders: {x-oldest: a}
  appendRequestHeaders: {x-old: b}
  removeRequestHeaders: [x-gone]
  appendResponseHeaders: {x-answer: c}
  removeResponseHeaders: [x-served-by]
  route: [{destination: {host: echo, subset: one}}]
""")

    seen = world.client.seen("echo", headers={"x-gone": "x"})
    answer = world.client.ask("echo")

    assert (seen["x-oldest"], seen["x-old"], answer.headers["x-answer"]) == ("a", "b", "c")
    assert "x-gone" not in seen
    assert "x-served-by" not in answer.headers


@shows(
    VS, "uri", "authority", "port", "derivePort", "scheme", "redirectCode", "prefixRewrite", under="http[].redirect."
)
def test_redirects(world: World) -> None:
    rules = {
        "/whole": "{uri: /new, authority: other.example.com}",
        "/port": "{port: 8443, scheme: https}",
        "/derived": "{derivePort: FROM_REQUEST_PORT, scheme: https}",
        "/code": "{uri: /new, redirectCode: 308}",
        "/prefix": "{prefixRewrite: /changed}",
    }
    listed = "".join(f"- match: [{{uri: {{prefix: {path}}}}}]\n  redirect: {rule}\n" for path, rule in rules.items())
    world.virtual_service("http:\n" + listed)

    found = {path: world.client.ask("echo", f"{path}/x" if path == "/prefix" else path) for path in rules}

    assert {path: (a.status, a.headers["location"]) for path, a in found.items()} == {
        "/whole": (301, "http://other.example.com/new"),
        "/port": (301, "https://echo:8443/port"),
        "/derived": (301, "https://echo:80/derived"),
        "/code": (308, "http://echo/new"),
        "/prefix": (301, "http://echo/changed/x"),
    }


@shows(VS, "uri", "authority", "uriRegexRewrite.match", "uriRegexRewrite.rewrite", under="http[].rewrite.")
def test_rewrites(world: World) -> None:
    world.virtual_service("""
http:
- match: [{uri: {prefix: /old}}]
  rewrite: {uri: /headers, authority: other.example.com}
  route: [{destination: {host: echo, subset: one}}]
- match: [{uri: {prefix: /api}}]
  rewrite: {uriRegexRewrite: {match: '^/api/v(\\d+)/(.*)$', rewrite: '/headers?v=\\1&rest=\\2'}}
  route: [{destination: {host: echo, subset: one}}]
""")

    by_prefix, by_regex = world.client.seen("echo", "/old"), world.client.seen("echo", "/api/v7/x")

    assert (by_prefix[":path"], by_prefix["host"]) == ("/headers", "other.example.com")
    assert by_regex[":path"] == "/headers?v=7&rest=x"


@shows(VS, "http[].timeout", "http[].retries.perTryTimeout", "http[].retries.attempts", "http[].retries.retryOn")
def test_timeouts_and_retries(world: World) -> None:
    world.virtual_service("""
http:
- match: [{uri: {prefix: /slow}}]
  timeout: 0.3s
  route: [{destination: {host: echo, subset: one}}]
- match: [{uri: {prefix: /try}}]
  retries: {attempts: 2, perTryTimeout: 0.3s, retryOn: 'gateway-error,reset'}
  route: [{destination: {host: echo, subset: one}}]
- match: [{uri: {prefix: /four}}]
  retries: {attempts: 3, retryOn: '404'}
  route: [{destination: {host: echo, subset: one}}]
- route: [{destination: {host: echo, subset: one}}]
""")
    client = world.client

    assert client.ask("echo", "/slow?delay=2").status == 504
    assert client.ask("echo", "/try?fails=2&key=two").status == 200
    assert client.ask("echo", "/try?fails=9&key=nine").status == 503
    assert client.ask("echo", "/count?key=nine").body == "3"
    assert client.ask("echo", "/try?delay=1&key=slow").status == 504
    eventually(lambda: client.ask("echo", "/count?key=slow").body == "3")
    assert client.ask("echo", "/four?status=404&key=four").status == 404
    assert client.ask("echo", "/count?key=four").body == "4"


@shows(VS, "retries.backoff", under="http[].")
def test_retries_wait(world: World) -> None:
    world.virtual_service("""
http:
- match: [{uri: {prefix: /try}}]
  timeout: 1s
  retries: {attempts: 3, backoff: 30s, retryOn: '5xx'}
  route: [{destination: {host: echo, subset: one}}]
- route: [{destination: {host: echo, subset: one}}]
""")

    # Envoy waits a random part of the time; three waits of up to 30 s do not fit into one second.
    found = [world.client.ask("echo", f"/try?fails=9&key=wait{i}").status for i in range(3)]
    assert 504 in found


@shows(VS, "retries.retryIgnorePreviousHosts", under="http[].")
def test_retries_may_return_to_the_same_host(world: World) -> None:
    world.virtual_service("""
http:
- match: [{uri: {prefix: /other}}]
  retries: {attempts: 1, retryOn: '5xx', retryIgnorePreviousHosts: true}
  route: [{destination: {host: echo}}]
- match: [{uri: {prefix: /any}}]
  retries: {attempts: 1, retryOn: '5xx', retryIgnorePreviousHosts: false}
  route: [{destination: {host: echo}}]
- route: [{destination: {host: echo}}]
""")

    # Each of two hosts fails a key once, and one retry follows: elsewhere it fails, anywhere one of two succeeds. Who
    # looks for another host gives up after five picks of the same (Envoy's host_selection_retry_max_attempts).
    other = [world.client.ask("echo", f"/other?fails=1&key=o{i}").status for i in range(40)]
    anywhere = [world.client.ask("echo", f"/any?fails=1&key=a{i}").status for i in range(40)]

    assert other.count(200) < 6 <= anywhere.count(200)


@shows(VS, "delay.fixedDelay", "delay.percentage.value", under="http[].fault.")
@shows(VS, "abort.httpStatus", "abort.percentage.value", "abort.percent", "delay.percent", under="http[].fault.")
def test_faults(world: World) -> None:
    way = "route: [{destination: {host: echo, subset: one}}]"
    world.virtual_service(f"""
http:
- match: [{{uri: {{prefix: /abort}}}}]
  fault: {{abort: {{httpStatus: 418, percentage: {{value: 100}}}}}}
  {way}
- match: [{{uri: {{prefix: /half}}}}]
  fault: {{abort: {{httpStatus: 418, percent: 50}}}}
  {way}
- match: [{{uri: {{prefix: /delay}}}}]
  fault: {{delay: {{fixedDelay: 30s, percentage: {{value: 100}}}}}}
  {way}
- match: [{{uri: {{prefix: /later}}}}]
  fault: {{delay: {{fixedDelay: 30s, percent: 50}}}}
  {way}
""")
    client = world.client

    assert client.ask("echo", "/abort").status == 418
    aborted = sum(client.ask("echo", "/half").status == 418 for _ in range(200))
    assert abs(aborted - 100) < 4.5 * (200 * 0.25) ** 0.5
    assert client.ask("echo", "/delay", patience=1).status == 0
    assert {client.ask("echo", "/later", patience=1).status for _ in range(12)} == {200, 0}


@shows(VS, "mirror.host", "mirror.subset", "mirrorPercentage.value", "mirrorPercent", under="http[].")
@shows(VS, "destination.host", "destination.subset", "percentage.value", under="http[].mirrors[].")
def test_copies(world: World) -> None:
    way = "route: [{destination: {host: echo, subset: one}}]"
    world.virtual_service(f"""
http:
- match: [{{uri: {{prefix: /all}}}}]
  mirror: {{host: echo, subset: two}}
  {way}
- match: [{{uri: {{prefix: /part}}}}]
  mirror: {{host: echo, subset: two}}
  mirrorPercentage: {{value: 50}}
  {way}
- match: [{{uri: {{prefix: /old}}}}]
  mirror: {{host: echo, subset: two}}
  mirrorPercent: 50
  {way}
- match: [{{uri: {{prefix: /several}}}}]
  mirrors:
  - destination: {{host: echo, subset: two}}
    percentage: {{value: 100}}
  - destination: {{host: echo, subset: two}}
    percentage: {{value: 50}}
  {way}
- match: [{{uri: {{prefix: /count}}}}]
  route: [{{destination: {{host: echo, subset: two}}}}]
""")
    client = world.client
    for path in ("all", "part", "old", "several"):
        assert all(client.ask("echo", f"/{path}?key={path}").body == f"one /{path}\n" for _ in range(200))

    def copies(path: str) -> int:
        return int(client.ask("echo", f"/count?key={path}").body)

    eventually(lambda: copies("all") == 200)
    spread = 4.5 * (200 * 0.25) ** 0.5
    eventually(lambda: abs(copies("part") - 100) < spread and abs(copies("old") - 100) < spread)
    eventually(lambda: abs(copies("several") - 300) < spread)


@shows(
    VS,
    "allowOrigin[]",
    "allowOrigins[].exact",
    "allowOrigins[].prefix",
    "allowOrigins[].regex",
    under="http[].corsPolicy.",
)
@shows(VS, "allowMethods[]", "allowHeaders[]", "exposeHeaders[]", "maxAge", under="http[].corsPolicy.")
@shows(VS, "allowCredentials", "unmatchedPreflights", under="http[].corsPolicy.")
def test_cors(world: World) -> None:
    way = "route: [{destination: {host: echo, subset: one}}]"
    world.virtual_service(f"""
http:
- match: [{{uri: {{prefix: /new}}}}]
  corsPolicy:
    allowOrigins: [{{exact: 'https://a.com'}}, {{prefix: 'https://b.'}}, {{regex: 'https://c[0-9]+'}}]
    allowMethods: [GET, PUT]
    allowHeaders: [x-in]
    exposeHeaders: [x-out]
    maxAge: 2m
    allowCredentials: true
    unmatchedPreflights: IGNORE
  {way}
- match: [{{uri: {{prefix: /old}}}}]
  corsPolicy: {{allowOrigin: ['https://old.com']}}
  {way}
""")

    def preflight(path: str, origin: str) -> dict[str, str]:
        asks = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
        return world.client.ask("echo", path, method="OPTIONS", headers=asks).headers

    said = preflight("/new", "https://a.com")
    assert said["access-control-allow-origin"] == "https://a.com"
    assert said["access-control-allow-methods"] == "GET,PUT"
    assert said["access-control-allow-headers"] == "x-in"
    assert said["access-control-max-age"] == "120"
    assert said["access-control-allow-credentials"] == "true"
    real = world.client.ask("echo", "/new", headers={"Origin": "https://a.com"})
    assert real.headers["access-control-expose-headers"] == "x-out"
    for origin in ("https://b.org", "https://c42"):
        assert preflight("/new", origin)["access-control-allow-origin"] == origin
    # What does not fit is answered by nobody but Envoy, and without permission.
    assert "access-control-allow-origin" not in preflight("/new", "https://d.com")
    assert preflight("/old", "https://old.com")["access-control-allow-origin"] == "https://old.com"


@shows(VS, "http[].delegate.name", "http[].delegate.namespace")
def test_a_delegate_decides(world: World) -> None:
    world.virtual_service(
        """
hosts: []
http:
- match: [{uri: {prefix: /team/blue}}]
  directResponse: {status: 200, body: {string: blue}}
- directResponse: {status: 200, body: {string: other}}
""",
        name="team",
    )
    world.virtual_service("http:\n- match: [{uri: {prefix: /team}}]\n  delegate: {name: team, namespace: default}\n")

    assert [world.client.ask("echo", p).body for p in ("/team/blue", "/team/red", "/")] == ["blue", "other", ""]


@shows(VS, "exportTo[]")
def test_a_rule_of_another_namespace_is_seen_where_it_is_exported(world: World, mesh: Mesh) -> None:
    mesh.run("apply", "-f", "-", text="apiVersion: v1\nkind: Namespace\nmetadata: {name: elsewhere}\n")
    host = "hosts: [echo.default.svc.cluster.local]\n"
    answer = "http: [{directResponse: {status: 200, body: {string: theirs}}}]\n"

    world.virtual_service(f"{host}exportTo: [.]\n{answer}", namespace="elsewhere")
    assert world.client.ask("echo").body.split()[0] in ("one", "two")
    world.virtual_service(f"{host}exportTo: [default]\n{answer}", namespace="elsewhere")
    assert world.client.ask("echo").body == "theirs"


@shows(VS, "port", "sourceLabels", "sourceNamespace", "gateways[]", under="tcp[].match[].")
@shows(VS, "destination.host", "destination.subset", "destination.port.number", "weight", under="tcp[].route[].")
def test_connections_are_split(world: World) -> None:
    world.virtual_service("""
tcp:
- match: [{port: 7000, sourceLabels: {app: other}}, {port: 7000, sourceNamespace: other}]
  route: [{destination: {host: echo, subset: one, port: {number: 2525}}}]
- match: [{port: 7000, sourceLabels: {app: client}, sourceNamespace: default, gateways: [mesh]}]
  route:
  - {destination: {host: echo, subset: one, port: {number: 7000}}, weight: 80}
  - {destination: {host: echo, subset: two, port: {number: 7000}}, weight: 20}
""")

    found = [world.client.line("echo", 7000).split()[0] for _ in range(200)]
    assert abs(found.count("one") - 160) < 4.5 * (200 * 0.8 * 0.2) ** 0.5
    assert set(found) == {"one", "two"}


@shows(VS, "sourceSubnet", "destinationSubnets[]", under="tcp[].match[].")
def test_connections_are_chosen_by_addresses(world: World) -> None:
    own = world.mesh.json("get", "pod", world.mesh.pod("client-"))["status"]["podIP"]
    address = world.client.address("echo")
    to = "{host: echo, subset: %s, port: {number: 7000}}"
    world.virtual_service(f"""
tcp:
- match: [{{port: 7000, destinationSubnets: [192.0.2.0/24]}}, {{port: 7000, sourceSubnet: 192.0.2.0/24}}]
  route: [{{destination: {to % "one"}}}]
- match: [{{port: 7000, destinationSubnets: [{address}/32], sourceSubnet: {own}/32}}]
  route: [{{destination: {to % "two"}}}]
""")

    assert {world.client.line("echo", 7000) for _ in range(8)} == {"two hello"}


@shows(VS, "sourceSubnet", "destinationSubnets[]", under="tls[].match[].")
def test_connections_by_tls_are_chosen_by_addresses(world: World) -> None:
    own = world.mesh.json("get", "pod", world.mesh.pod("client-"))["status"]["podIP"]
    address, name = world.client.address("secure"), "both.default.svc.cluster.local"
    to = "{host: secure, subset: %s, port: {number: 7443}}"
    world.virtual_service(
        f"""
hosts: ["*.default.svc.cluster.local"]
tls:
- match:
  - {{port: 7443, sniHosts: [{name}], destinationSubnets: [192.0.2.0/24]}}
  - {{port: 7443, sniHosts: [{name}], sourceSubnet: 192.0.2.0/24}}
  route: [{{destination: {to % "one"}}}]
- match: [{{port: 7443, sniHosts: [{name}], destinationSubnets: [{address}/32], sourceSubnet: {own}/32}}]
  route: [{{destination: {to % "two"}}}]
""",
        name="secure",
    )

    assert {world.client.hello(name, "secure", 7443) for _ in range(8)} == {"two"}


@shows(VS, "port", "sniHosts[]", "sourceLabels", "sourceNamespace", "gateways[]", under="tls[].match[].")
@shows(VS, "destination.host", "destination.subset", "destination.port.number", "weight", under="tls[].route[].")
def test_connections_are_chosen_by_server_name(world: World) -> None:
    to = "{host: secure, subset: %s, port: {number: 7443}}"
    world.virtual_service(
        f"""
hosts: ["*.default.svc.cluster.local"]
tls:
- match:
  - {{port: 7443, sniHosts: [one.default.svc.cluster.local], sourceLabels: {{app: client}}, sourceNamespace: default}}
  route: [{{destination: {to % "one"}}}]
- match: [{{port: 7443, sniHosts: ['*.two.default.svc.cluster.local'], gateways: [mesh]}}]
  route: [{{destination: {to % "two"}}}]
- match: [{{port: 7443, sniHosts: [both.default.svc.cluster.local]}}]
  route:
  - {{destination: {to % "one"}, weight: 80}}
  - {{destination: {to % "two"}, weight: 20}}
""",
        name="secure",
    )

    def ends(name: str, count: int) -> Counter[str]:
        return Counter(world.client.hello(name, "secure", 7443) for _ in range(count))

    assert ends("one.default.svc.cluster.local", 6) == {"one": 6}
    assert ends("a.two.default.svc.cluster.local", 6) == {"two": 6}
    shares = ends("both.default.svc.cluster.local", 150)
    assert abs(shares["one"] - 120) < 4.5 * (150 * 0.8 * 0.2) ** 0.5
    assert shares["one"] + shares["two"] == 150


@shows(VS, "directResponse.body.bytes", "fault.abort.grpcStatus", under="http[].")
def test_answers_of_other_forms(world: World) -> None:
    world.virtual_service("""
http:
- match: [{uri: {prefix: /bytes}}]
  directResponse: {status: 203, body: {bytes: aGVsbG8=}}
- fault: {abort: {grpcStatus: RESOURCE_EXHAUSTED, percentage: {value: 100}}}
  route: [{destination: {host: echo}}]
""")

    found = world.client.ask("echo", "/bytes")
    assert (found.status, found.body) == (203, "hello")
    asked = world.client.ask("echo", headers={"content-type": "application/grpc"}).headers
    assert asked["grpc-status"] == "8"


@shows(VS, "http[].mirror.port.number", "http[].mirrors[].destination.port.number")
def test_copies_go_to_a_port(world: World) -> None:
    way = "route: [{destination: {host: echo, subset: one, port: {number: 80}}}]"
    world.virtual_service(f"""
http:
- match: [{{uri: {{prefix: /old}}}}]
  mirror: {{host: undeclared, port: {{number: 8081}}}}
  {way}
- match: [{{uri: {{prefix: /new}}}}]
  mirrors: [{{destination: {{host: undeclared, port: {{number: 8081}}}}}}]
  {way}
- match: [{{uri: {{prefix: /count}}}}]
  route: [{{destination: {{host: echo}}}}]
""")

    for key in ("old", "new"):
        assert [world.client.ask("echo", f"/{key}?key=port-{key}").status for _ in range(8)] == [200] * 8
    # The copies reach both versions, the requests themselves the first only.
    eventually(lambda: world.client.ask("echo", "/count?key=port-old").body not in ("0", "8"))
    eventually(lambda: world.client.ask("echo", "/count?key=port-new").body not in ("0", "8"))


@shows(VS, "http[].match[].statPrefix")
def test_requests_are_counted_by_rule(world: World) -> None:
    world.virtual_service("""
http:
- match: [{uri: {prefix: /counted}, statPrefix: my-rule}]
  route: [{destination: {host: echo}}]
- route: [{destination: {host: echo}}]
""")
    for _ in range(3):
        world.client.ask("echo", "/counted")
        world.client.ask("echo", "/other")

    command = ("pilot-agent", "request", "GET", "stats?filter=my-rule.upstream_rq_total")
    said = world.mesh.exec(world.mesh.pod("client-"), *command, container="istio-proxy")
    assert ".route.my-rule.upstream_rq_total: 3\n" in said
