"""What a settled route means, seen from both sides of a real Envoy."""

from collections.abc import Iterator

import pytest

from envoy_real import Proxy, serving
from meltemi.core.model.units import Percent, Seconds
from meltemi.core.view.cors import Cors
from meltemi.core.view.destination import Target
from meltemi.core.view.fault import Fault
from meltemi.core.view.headers import HeaderChanges
from meltemi.core.view.match import Field, How, RequestMatch, Text
from meltemi.core.view.rewrite import Answer, Redirect, Rewrite
from meltemi.core.view.route import Route, Split

TO = (Split(to=Target(host="a", port=80)),)


def under(prefix: str) -> RequestMatch:
    return RequestMatch(path=Text(how=How.PREFIX, value=prefix))


def told(name: str) -> Answer:
    return Answer(status=200, body=name.encode())


EXACT_A = Text(how=How.EXACT, value="a")

ROUTES = (
    Route(match=RequestMatch(path=Text(how=How.EXACT, value="/case", ignore_case=True)), answer=told("case")),
    Route(match=RequestMatch(path=Text(how=How.REGEX, value="/re/[0-9]+")), answer=told("regex")),
    Route(
        match=RequestMatch(path=under("/inv").path, headers=(Field(name="x-a", text=EXACT_A, invert=True),)),
        answer=told("without a"),
    ),
    Route(match=under("/inv"), answer=told("with a")),
    Route(
        match=RequestMatch(
            path=under("/absent").path, headers=(Field(name="x-a", text=Text(how=How.PRESENT), invert=True),)
        ),
        answer=told("absent"),
    ),
    Route(match=under("/absent"), answer=told("present")),
    Route(match=RequestMatch(path=under("/query").path, query=(Field(name="q", text=EXACT_A),)), answer=told("q is a")),
    Route(match=under("/redirect"), redirect=Redirect(path="/there", host="else", scheme="https", port=8443, code=307)),
    Route(match=under("/rewrite/"), splits=TO, rewrite=Rewrite(prefix="/", host="other")),
    Route(match=under("/regex/"), splits=TO, rewrite=Rewrite(pattern="/regex/(.*)/(.*)", substitution=r"/\2/\1")),
    Route(
        match=under("/headers"),
        changes=HeaderChanges(
            request_set=(("x-set", "new"),),
            request_add=(("x-add", "more"),),
            request_remove=("x-gone",),
            response_set=(("x-answer", "1"),),
            response_remove=("x-secret",),
            host="named",
        ),
        splits=TO,
    ),
    Route(
        match=under("/one"),
        splits=(Split(to=Target(host="a", port=80), changes=HeaderChanges(request_set=(("x-way", "a"),))),),
    ),
    Route(
        match=under("/abort"),
        splits=TO,
        fault=Fault(http_status=555, abort_percent=Percent(100), delay=Seconds(0.01), delay_percent=Percent(100)),
    ),
    Route(match=under("/cors"), splits=TO, cors=Cors(origins=(EXACT_A,), methods=("GET",), credentials=True)),
    Route(splits=TO),
)


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with serving(ROUTES, tmp_path_factory.mktemp("routing-routes")) as running:
        yield running


# fmt: off
ANSWERS: dict[str, tuple[str, dict[str, str], str]] = {
    #                                     path           headers          answer
    "case does not count":               ("/CASE",       {},              "case"),
    "a regex fits the whole path":       ("/re/12",      {},              "regex"),
    "an unlike header fits not-so":      ("/inv",        {"x_a": "b"},    "without a"),
    "an absent header fits not-so":      ("/inv",        {},              "without a"),
    "a like header does not":            ("/inv",        {"x_a": "a"},    "with a"),
    "absence":                           ("/absent",     {},              "absent"),
    "presence":                          ("/absent",     {"x_a": "b"},    "present"),
    "a query parameter":                 ("/query?q=a",  {},              "q is a"),
}
# fmt: on


@pytest.mark.parametrize(("path", "headers", "body"), ANSWERS.values(), ids=ANSWERS)
def test_match(proxy: Proxy, path: str, headers: dict[str, str], body: str) -> None:
    assert proxy.ask(path, **headers).body.decode() == body


def test_redirect(proxy: Proxy) -> None:
    answer = proxy.ask("/redirect/me")

    assert (answer.status, answer.headers["location"]) == (307, "https://else:8443/there")


def test_rewrite_of_prefix_and_host(proxy: Proxy) -> None:
    seen = proxy.ask("/rewrite/a?b=c").seen

    assert (seen["path"], seen["headers"]["host"]) == ("/a?b=c", "other")


def test_rewrite_by_pattern(proxy: Proxy) -> None:
    assert proxy.ask("/regex/one/two").seen["path"] == "/two/one"


def test_header_changes(proxy: Proxy) -> None:
    answer = proxy.ask("/headers", x_set="old", x_add="some", x_gone="here")
    headers = answer.seen["headers"]

    assert (headers["x-set"], headers["host"]) == ("new", "named")
    assert "x-gone" not in headers
    assert answer.headers["x-answer"] == "1"
    assert "x-secret" not in answer.headers


def test_a_single_destination_may_change_headers(proxy: Proxy) -> None:
    assert proxy.ask("/one").seen["headers"]["x-way"] == "a"


def test_abort(proxy: Proxy) -> None:
    assert proxy.ask("/abort").status == 555


def test_a_preflight_is_answered_for_allowed_origins(proxy: Proxy) -> None:
    answer = proxy.ask("/cors", "OPTIONS", origin="a", access_control_request_method="GET")

    assert answer.headers["access-control-allow-origin"] == "a"
    assert answer.body == b""


def test_other_preflights_reach_the_destination(proxy: Proxy) -> None:
    assert proxy.ask("/cors", "OPTIONS", origin="b", access_control_request_method="GET").seen["path"] == "/cors"
