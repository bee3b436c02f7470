"""httpbin answers as the two programs do that are known under its name."""

import gzip
import json
import re
import zlib
from base64 import b64encode
from collections.abc import Generator
from http.client import HTTPConnection
from typing import Any

import pytest

from unit.samples.programs import ask, program


@pytest.fixture(scope="module")
def port() -> Generator[int]:
    with program("httpbin") as port:
        yield port


@pytest.fixture(scope="module")
def plain() -> Generator[int]:
    with program("httpbin", "--plain", "PORT") as port:
        yield port


def told(port: int, path: str, method: str = "GET", body: str | bytes = "", **headers: str) -> Any:
    response, content = ask(port, path, method, body, **headers)
    assert response.status == 200
    return json.loads(content)


def test_get_shows_the_request(port: int) -> None:
    said = told(port, "/get?a=1&b=2&a=3&empty=", x_one="yes", x_forwarded_for="10.0.0.9, 10.0.0.1", host="shop")

    assert said["args"] == {"a": ["1", "3"], "b": ["2"], "empty": [""]}
    assert (said["headers"]["X-One"], said["headers"]["Host"]) == (["yes"], ["shop"])
    assert (said["method"], said["origin"]) == ("GET", "10.0.0.9")
    assert said["url"] == "http://shop/get?a=1&b=2&a=3&empty="


def test_the_older_one_writes_single_values(plain: int) -> None:
    said = told(plain, "/get?a=1&b=2&a=3", x_one="yes")

    assert said["args"] == {"a": ["1", "3"], "b": "2"}
    assert said["headers"]["X-One"] == "yes"
    assert said["origin"] == "127.0.0.1"


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_a_body_of_json(port: int, method: str) -> None:
    said = told(port, f"/{method}", method.upper(), '{"a": [1]}', content_type="application/json")

    assert (said["json"], said["data"], said["method"]) == ({"a": [1]}, '{"a": [1]}', method.upper())


def test_a_form(port: int, plain: int) -> None:
    kind = "application/x-www-form-urlencoded"

    assert told(port, "/post", "POST", "a=1&b=%20", content_type=kind)["form"] == {"a": ["1"], "b": [" "]}
    old = told(plain, "/post", "POST", "a=1", content_type=kind)
    assert (old["form"], old["data"]) == ({"a": "1"}, "")


def test_a_form_in_parts(port: int) -> None:
    parts = (
        '--x\r\nContent-Disposition: form-data; name="who"\r\n\r\nme\r\n'
        '--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\ncontent\r\n--x--\r\n'
    )
    said = told(port, "/anything", "POST", parts, content_type="multipart/form-data; boundary=x")

    assert (said["form"], said["files"]) == ({"who": ["me"]}, {"file": ["content"]})


def test_bytes_that_are_no_text(port: int) -> None:
    assert told(port, "/post", "POST", b"\xff\xfe")["data"] == "data:application/octet-stream;base64,//4="


def test_a_body_in_chunks(port: int) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", "/anything/deep", body=iter([b"one ", b"two"]), encode_chunked=True,
                       headers={"Transfer-Encoding": "chunked"})  # fmt: skip

    assert json.loads(connection.getresponse().read())["data"] == "one two"
    connection.request("GET", "/uuid")
    assert connection.getresponse().status == 200
    connection.close()


def test_json_that_is_none_is_refused_by_the_newer_one_only(port: int, plain: int) -> None:
    assert ask(port, "/post", "POST", "{", content_type="application/json")[0].status == 400
    assert told(plain, "/post", "POST", "{", content_type="application/json")["json"] is None


def test_a_wrong_method(port: int) -> None:
    response, _ = ask(port, "/post")

    assert (response.status, response.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("code", [200, 204, 304, 404, 418, 429, 500, 503, 599])
def test_a_status(port: int, code: int) -> None:
    assert ask(port, f"/status/{code}")[0].status == code


def test_a_status_by_chance(port: int) -> None:
    assert {ask(port, "/status/200:0,503")[0].status for _ in range(5)} == {503}
    assert {ask(port, "/status/200,503")[0].status for _ in range(60)} == {200, 503}


def test_teapots(port: int, plain: int) -> None:
    assert ask(port, "/status/418")[1] == b"I'm a teapot!"
    assert b"-=[ teapot ]=-" in ask(plain, "/status/418")[1]


@pytest.mark.parametrize(
    "path",
    ["/status/x", "/status/99", "/delay/x", "/delay/-1", "/delay/11", "/delay/nan", "/redirect/0", "/redirect-to",
     "/redirect-to?url=a%0d%0ab", "/response-headers?x=a%0d%0ab", "/bytes/x", "/drip?duration=99", "/base64/!"],
)  # fmt: skip
def test_what_cannot_be_done_is_400(port: int, path: str) -> None:
    assert ask(port, path)[0].status == 400


def test_unknown_paths(port: int) -> None:
    assert ask(port, "/nowhere")[0].status == 404


@pytest.mark.parametrize("wanted", ["0", "0.1", "10ms", "0.01s"])
def test_a_delay(port: int, wanted: str) -> None:
    assert told(port, f"/delay/{wanted}")["url"].endswith(f"/delay/{wanted}")


def test_bytes_are_as_many_as_asked_and_the_same_for_a_seed(port: int) -> None:
    one, two = (ask(port, "/bytes/1000?seed=7")[1] for _ in range(2))
    response, streamed = ask(port, "/stream-bytes/1000?seed=7&chunk_size=99")

    assert len(one) == 1000
    assert one == two == streamed
    assert response.headers["Transfer-Encoding"] == "chunked"
    assert ask(port, "/bytes/1000")[1] != one


def test_a_stream_of_lines(port: int) -> None:
    response, content = ask(port, "/stream/3?a=1")

    assert response.headers["Transfer-Encoding"] == "chunked"
    assert [json.loads(line)["id"] for line in content.splitlines()] == [0, 1, 2]


def test_drip(port: int) -> None:
    response, content = ask(port, "/drip?numbytes=5&duration=0.1&code=206")

    assert (response.status, content) == (206, b"*****")


def test_packed_answers(port: int) -> None:
    response, content = ask(port, "/gzip")
    assert response.headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(content))["gzipped"] is True
    assert json.loads(zlib.decompress(ask(port, "/deflate")[1]))["deflated"] is True


def test_redirects(port: int) -> None:
    def goal(path: str) -> tuple[int, str | None]:
        response, _ = ask(port, path, host="shop")
        return response.status, response.headers["Location"]

    assert goal("/redirect/2") == (302, "/relative-redirect/1")
    assert goal("/relative-redirect/1") == (302, "/get")
    assert goal("/absolute-redirect/2") == (302, "http://shop/absolute-redirect/1")
    assert goal("/redirect-to?url=http%3A%2F%2Felse%2F&status_code=307") == (307, "http://else/")


def test_cookies(port: int, plain: int) -> None:
    response, _ = ask(port, "/cookies/set?a=1&b=2")
    assert response.status == 302
    assert [line.split(";")[0] for line in response.headers.get_all("Set-Cookie") or []] == ["a=1", "b=2"]
    assert told(port, "/cookies", cookie="a=1; b=2") == {"a": "1", "b": "2"}
    assert told(plain, "/cookies", cookie="a=1") == {"cookies": {"a": "1"}}
    assert "Max-Age=0" in ask(port, "/cookies/delete?a")[0].headers["Set-Cookie"]


def test_response_headers(port: int, plain: int) -> None:
    response, content = ask(port, "/response-headers?X-A=1&X-A=2")

    assert response.headers.get_all("X-A") == ["1", "2"]
    assert json.loads(content)["X-A"] == ["1", "2"]
    assert told(plain, "/response-headers?X-A=1")["X-A"] == "1"


def test_basic_auth(port: int) -> None:
    good = f"Basic {b64encode(b'me:secret').decode()}"

    assert told(port, "/basic-auth/me/secret", authorization=good)["authenticated"] is True
    response, _ = ask(port, "/basic-auth/me/other", authorization=good)
    assert (response.status, response.headers["WWW-Authenticate"]) == (401, 'Basic realm="Fake Realm"')
    assert ask(port, "/basic-auth/me/secret", authorization="Basic !")[0].status == 401
    assert ask(port, "/hidden-basic-auth/me/secret")[0].status == 404


def test_bearer(port: int) -> None:
    assert told(port, "/bearer", authorization="Bearer t")["token"] == "t"
    assert ask(port, "/bearer")[0].status == 401


def test_pages_and_small_things(port: int) -> None:
    assert ask(port, "/html")[0].headers["Content-Type"].startswith("text/html")
    assert b"<h1>" in ask(port, "/")[1]
    assert re.fullmatch("[0-9a-f-]{36}", told(port, "/uuid")["uuid"])
    assert told(port, "/user-agent", user_agent="me")["user-agent"] == "me"
    assert ask(port, "/base64/bWVsdGVtaQ==")[1] == b"meltemi"
    assert told(port, "/headers", x_a="1")["headers"]["X-A"] == ["1"]
    assert told(port, "/ip") == {"origin": "127.0.0.1"}


def test_head_has_no_body_and_the_connection_stays_usable(port: int) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    for path in ("/get", "/stream/2", "/uuid"):
        connection.request("HEAD", path)
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, b"")
    connection.request("GET", "/uuid")
    assert json.loads(connection.getresponse().read())
    connection.close()
