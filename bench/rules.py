"""`python -m bench.rules`: a request to a workload with 200 policies, and to one with none, in one run.

Place:  bench · a whole mesh of two servers and a client → Markdown. Needs root.

The two are asked by turns, so that whatever else the machine does falls on both.
"""

import sys
import tempfile
from pathlib import Path

from bench.hops import CLIENT, cpu_of, envoys_of, in_mesh, mesh_of, row, server
from bench.measure import table

HEAD = ("workload", "p50 (ms)", "p99 (ms)", "CPU of its Envoy (µs a request)")
POLICIES, ROUNDS = 200, 8
WHAT = (
    "to: [{{operation: {{paths: [/{i}/exact, /{i}/prefix/*, '*/{i}/suffix', '/{i}/{{*}}/x']}}}}]",
    "to: [{{operation: {{hosts: [h{i}.example.com, '*.h{i}.example.com'], methods: [PUT, DELETE]}}}}]",
    "from: [{{source: {{principals: [cluster.local/ns/n{i}/sa/a, '*/sa/a{i}'], namespaces: [n{i}, 'm{i}*']}}}}]",
    "from: [{{source: {{ipBlocks: [203.0.113.{i}], serviceAccounts: [n{i}/a]}}}}]",
    "when: [{{key: 'request.headers[x-{i}]', values: [a, 'b*', '*c']}}]",
)
"""What policies ask for, by turns: nobody has it."""


def policy(i: int) -> str:
    """One of them; half refuse and half allow, and the last one allows everything."""
    asks = WHAT[i % len(WHAT)].format(i=i) if i < POLICIES - 1 else ""
    action = ("DENY", "ALLOW")[i % 2]
    return (
        "\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n"
        f"metadata: {{name: p{i}}}\nspec: {{selector: {{matchLabels: {{app: guarded}}}}, action: {action}, "
        f"rules: [{{{asks}}}]}}\n---"
    )


def measure() -> list[tuple[object, ...]]:
    """One row for each workload."""
    pods = server("plain") + server("guarded") + CLIENT + "".join(map(policy, range(POLICIES)))
    with tempfile.TemporaryDirectory() as place, mesh_of(Path(place), pods) as state:
        taken: dict[str, list[float]] = {"plain": [], "guarded": []}
        spent = dict.fromkeys(taken, 0.0)
        for _ in range(ROUNDS):
            before = {name: cpu_of(envoys_of(state, name)) for name in taken}
            for name, answers in zip(taken, in_mesh(state, *taken), strict=True):
                taken[name] += answers
                spent[name] += cpu_of(envoys_of(state, name)) - before[name]
        called = {"plain": "without any policy", "guarded": f"with {POLICIES} policies"}
        return [row(called[name], taken[name], spent[name], True) for name in taken]


if __name__ == "__main__":
    sys.stdout.write(table(HEAD, measure()) + "\n")
