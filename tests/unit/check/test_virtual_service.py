"""The rules of VirtualServices, one row a rule."""

import pytest

from meltemi.core.model.tree import Tree
from unit.check.support import faults, warnings

TO: dict[str, Tree] = {"destination": {"host": "b"}}


def http(**route: Tree) -> dict[str, Tree]:
    return {"hosts": ["a"], "http": [{"route": [TO], **route}]}


# fmt: off
FAULTS: dict[str, tuple[Tree, list[str]]] = {
    "sound": (http(), []),
    "no routes": ({"hosts": ["a"]}, ["M2101 spec"]),
    "route that leads nowhere": ({"hosts": ["a"], "http": [{}]}, ["M2102 spec.http[0]"]),
    "route and redirect": (http(redirect={"uri": "/"}), ["M2103 spec.http[0].route"]),
    "mirror and mirrors": (http(mirror={"host": "c"}, mirrors=[TO]), ["M2103 spec.http[0].mirror"]),
    "retry condition": (http(retries={"attempts": 2, "retryOn": "5xx,oops"}), ["M2104 spec.http[0].retries.retryOn"]),
    "retries off": (http(retries={"perTryTimeout": "1s"}), ["M2105 spec.http[0].retries"]),
    "short timeout": (http(timeout="0.0001s"), ["M2004 spec.http[0].timeout"]),
    "timeout in microseconds": (http(timeout="1500us"), ["M2004 spec.http[0].timeout"]),
    "header set to the method": (http(headers={"request": {"set": {":method": "x"}}}),
                                 ['M2106 spec.http[0].headers.request.set[":method"]']),
    "open variable": (http(headers={"response": {"add": {"x": "50%"}}}),
                      ["M2107 spec.http[0].headers.response.add.x"]),
    "host twice": ({"hosts": ["a.b", "*.b"], "http": [{"route": [TO]}]}, ["M2108 spec.hosts[1]"]),
    "star in the mesh": ({"hosts": ["*"], "http": [{"route": [TO]}]}, ["M2002 spec.hosts[0]"]),
    "star at a gateway": ({"hosts": ["*"], "gateways": ["g"], "http": [{"route": [TO]}]}, []),
    "gateway's namespace": ({"hosts": ["a"], "gateways": ["A_/g"], "http": [{"route": [TO]}]},
                            ["M2109 spec.gateways[0]"]),
    "delegate with gateways": ({"gateways": ["g"], "http": [{"route": [TO]}]}, ["M2110 spec.gateways"]),
    "direct response": ({"hosts": ["a"], "http": [{"directResponse": {"status": 100}}]},
                        ["M2111 spec.http[0].directResponse.status"]),
    "gRPC status": (http(fault={"abort": {"grpcStatus": "NOTFOUND"}}), ["M2112 spec.http[0].fault.abort.grpcStatus"]),
    "percentage": (http(fault={"delay": {"fixedDelay": "1s", "percentage": {"value": 101}}}),
                   ["M2005 spec.http[0].fault.delay.percentage"]),
    "exponential delay": (http(fault={"delay": {"exponentialDelay": "1s"}}),
                          ["M2123 spec.http[0].fault.delay.exponentialDelay"]),
    "empty fault": (http(fault={}), ["M2122 spec.http[0].fault"]),
    "CORS": (http(corsPolicy={"allowMethods": ["get"], "maxAge": "1.5s", "allowOrigins": [{}]}),
             ["M2113 spec.http[0].corsPolicy.allowOrigins[0]", "M2113 spec.http[0].corsPolicy.allowMethods[0]",
              "M2113 spec.http[0].corsPolicy.maxAge"]),
    "weights": ({"hosts": ["a"], "http": [{"route": [TO, TO]}]}, ["M2114 spec.http[0].route"]),
    "redirect code": ({"hosts": ["a"], "http": [{"redirect": {"uri": "/", "redirectCode": 404}}]},
                      ["M2115 spec.http[0].redirect.redirectCode"]),
    "empty rewrite": (http(rewrite={}), ["M2116 spec.http[0].rewrite"]),
    "host rewritten twice": (http(rewrite={"authority": "x"}, headers={"request": {"set": {"Host": "y"}}}),
                             ["M2118 spec.http[0].headers.request.set.Host"]),
    "claims in the mesh": (http(match=[{"headers": {"@request.auth.claims.sub": {"exact": "x"}}}]),
                           ['M2124 spec.http[0].match[0].headers["@request.auth.claims.sub"]']),
    "regular expression": (http(match=[{"uri": {"regex": "(?=a)"}}]), ["M2006 spec.http[0].match[0].uri.regex"]),
    "empty prefix of a header": (http(match=[{"headers": {"x": {"prefix": ""}}}]),
                                 ["M2007 spec.http[0].match[0].headers.x.prefix"]),
    "destination without host": ({"hosts": ["a"], "http": [{"route": [{"destination": {}}]}]},
                                 ["M2013 spec.http[0].route[0].destination"]),
    "destination's port by name": ({"hosts": ["a"], "http": [{"route": [{"destination": {"host": "b",
                                   "port": {"name": "http"}}}]}]},
                                   ["M2003 spec.http[0].route[0].destination.port.name"]),
    "server name": ({"hosts": ["a.b"], "tls": [{"match": [{"sniHosts": ["c.d"]}], "route": [TO]}]},
                    ["M2119 spec.tls[0].match[0].sniHosts[0]"]),
    "TLS without match": ({"hosts": ["a.b"], "tls": [{"route": [TO]}]}, ["M2013 spec.tls[0]"]),
    "TCP subnet": ({"hosts": ["a"], "tcp": [{"match": [{"destinationSubnets": ["10.0.0.0/33"]}], "route": [TO]}]},
                   ["M2008 spec.tcp[0].match[0].destinationSubnets[0]"]),
    "exportTo": ({**http(), "exportTo": ["*", "b"]}, ["M2010 spec.exportTo"]),
    "exportTo nobody": ({**http(), "exportTo": ["~"]}, ["M2010 spec.exportTo[0]"]),
}
# fmt: on


@pytest.mark.parametrize(("spec", "want"), FAULTS.values(), ids=FAULTS)
def test_faults(spec: Tree, want: list[str]):
    assert faults("VirtualService", spec) == want


def test_what_parse_refused_is_not_called_missing_as_well():
    assert faults("VirtualService", {"hosts": ["a"], "http": [{"rout": [TO]}]}) == ["M1101 spec.http[0].rout"]


def test_five_faults_are_five_findings():
    spec: Tree = {
        "hosts": ["a"],
        "http": [
            {"route": [TO], "timout": "5s", "timeout": 5, "retries": {"attempts": 1, "retryOn": "x"}, "rewrite": {}}
        ],
        "tpc": [],
    }
    assert len(faults("VirtualService", spec)) == 5


# fmt: off
WARNINGS: dict[str, tuple[Tree, list[str]]] = {
    "route after everything": ({"hosts": ["a"], "http": [{"route": [TO]}, {"route": [TO]}]}, ["M2120 spec.http[1]"]),
    "the same conditions": ({"hosts": ["a"], "http": [{"match": [{"port": 1}], "route": [TO]},
                                                     {"match": [{"port": 1, "name": "n"}], "route": [TO]}]},
                            ["M2121 spec.http[1].match[0]", "M2120 spec.http[1]"]),
    "a longer prefix": ({"hosts": ["a"], "http": [{"match": [{"uri": {"prefix": "/a"}}], "route": [TO]},
                                                 {"match": [{"uri": {"prefix": "/ab"}}], "route": [TO]}]},
                        ["M2121 spec.http[1].match[0]"]),
    "a longer prefix with other headers first": (
        {"hosts": ["a"], "http": [{"match": [{"uri": {"prefix": "/a"}, "headers": {"x": {}}}], "route": [TO]},
                                  {"match": [{"uri": {"prefix": "/ab"}}], "route": [TO]}]}, []),
    "old percentage": (http(mirror={"host": "c"}, mirrorPercent=5), ["M1304 spec.http[0].mirrorPercent"]),
    "abort without content": (http(fault={"abort": {}}), ["M2122 spec.http[0].fault.abort"]),
    "old name of a gateway": ({"hosts": ["a"], "gateways": ["g.ns.svc"], "http": [{"route": [TO]}]},
                              ["M1304 spec.gateways[0]"]),
    "address as server name": ({"hosts": ["1.1.1.1"], "gateways": ["g"],
                                "tls": [{"match": [{"sniHosts": ["1.1.1.1"]}], "route": [TO]}]},
                               ["M2119 spec.tls[0].match[0].sniHosts[0]"]),
}
# fmt: on


@pytest.mark.parametrize(("spec", "want"), WARNINGS.values(), ids=WARNINGS)
def test_warnings(spec: Tree, want: list[str]):
    assert warnings("VirtualService", spec) == want
    assert faults("VirtualService", spec) == []


def test_a_trial_run_is_for_policies_only():
    assert faults("VirtualService", http(), annotations={"istio.io/dry-run": "true"}) == [
        'M1206 metadata.annotations["istio.io/dry-run"]'
    ]
