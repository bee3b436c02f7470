"""Ratings v2 reads a database: a real MariaDB where one is installed, MongoDB's protocol through the real driver."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from meltemi.samples import databases
from meltemi.samples.databases.mongodb import fill
from meltemi.samples.databases.mysql import loosened, statements
from unit.samples.mongo_server import mongo_server
from unit.samples.programs import ask, free_port, program

PASSWORD = "it's a \\ secret"


def read(port: int) -> tuple[int, object]:
    response, body = ask(port, "/ratings/7")
    return response.status, json.loads(body)


def mysql_at(port: int, password: str = PASSWORD) -> Mapping[str, str]:
    return {"SERVICE_VERSION": "v2", "DB_TYPE": "mysql", "MYSQL_DB_HOST": "127.0.0.1", "MYSQL_DB_PORT": str(port),
            "MYSQL_DB_USER": "root", "MYSQL_DB_PASSWORD": password}  # fmt: skip


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin"),
    reason="needs mariadbd, and root",
)
def test_ratings_of_a_real_database() -> None:
    words = ("--port=PORT", "--default-authentication-plugin", "mysql_native_password")
    with program("databases.mysql", *words, MYSQL_ROOT_PASSWORD=PASSWORD, PATH=os.environ["PATH"]) as database:
        with program("bookinfo.ratings", **mysql_at(database)) as port:
            assert read(port) == (200, {"id": 7, "ratings": {"Reviewer1": 5, "Reviewer2": 4}})
        with program("bookinfo.ratings", **mysql_at(database, "wrong")) as port:
            assert read(port) == (500, {"error": "could not connect to ratings database"})


def test_ratings_of_mongodb() -> None:
    with (
        mongo_server({"rating": 2}) as (url, documents),
        program("bookinfo.ratings", SERVICE_VERSION="v2", MONGO_DB_URL=url) as port,
    ):
        assert read(port) == (200, {"id": 7, "ratings": {"Reviewer1": 2, "Reviewer2": 0}})
        documents.append({"rating": 3})
        assert read(port) == (200, {"id": 7, "ratings": {"Reviewer1": 2, "Reviewer2": 3}})


def test_mongodb_is_filled_once() -> None:
    with mongo_server() as (url, documents):
        fill(url)
        fill(url)

        assert [one["rating"] for one in documents] == [5, 4]


@pytest.mark.parametrize("kind", ["mysql", "mongodb"])
def test_a_database_that_is_away(kind: str) -> None:
    nobody = free_port()
    env = mysql_at(nobody) if kind == "mysql" else {"MONGO_DB_URL": f"mongodb://127.0.0.1:{nobody}/test"}
    with program("bookinfo.ratings", **{**env, "SERVICE_VERSION": "v2"}) as port:
        assert read(port) == (500, {"error": "could not connect to ratings database"})
        assert ask(port, "/ratings/7", "POST", '{"a": 1}')[0].status == 501


@pytest.mark.parametrize(("kind", "driver"), [("mysql", "pymysql"), ("", "pymongo")])
def test_a_driver_that_is_missing_is_named(tmp_path: Path, kind: str, driver: str) -> None:
    (tmp_path / f"{driver}.py").write_text("raise ImportError\n")
    env = {"PYTHONPATH": str(tmp_path), "SERVICE_VERSION": "v2", "DB_TYPE": kind}
    words = [sys.executable, "-m", "meltemi.samples.bookinfo.ratings", str(free_port())]
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False, timeout=20)

    assert done.returncode == 1
    assert f"{driver} is not installed" in done.stderr
    assert "meltemi[databases]" in done.stderr


@pytest.mark.parametrize("names", [("mariadbd", "mysqld"), ("mongod",)])
def test_a_server_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], names: tuple[str, ...]
) -> None:
    monkeypatch.setattr(databases, "PLACES", ())
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SystemExit) as ended:
        databases.program(*names, package="some-server")

    assert ended.value.code == databases.MISSING
    said = capsys.readouterr().err
    assert all(name in said for name in (*names, "apt-get install some-server"))


def test_a_password_is_quoted() -> None:
    assert "ALTER USER 'root'@'localhost' IDENTIFIED BY 'it''s a \\\\ secret';" in set(statements(PASSWORD))


def test_options_of_other_servers_are_loose() -> None:
    words = ["--default-authentication-plugin", "mysql_native_password", "--port=1", "--verbose", "-u", "x"]

    assert list(loosened(words)) == [
        "--loose-default-authentication-plugin=mysql_native_password", "--loose-port=1", "--loose-verbose", "-u", "x",
    ]  # fmt: skip
