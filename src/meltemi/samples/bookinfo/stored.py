"""Ratings that are kept in a database.

Place:  samples/bookinfo · ratings v2 → [stored] → MySQL or MongoDB
Env:    DB_TYPE = mysql | anything else (MongoDB); MYSQL_DB_HOST, MYSQL_DB_PORT, MYSQL_DB_USER, MYSQL_DB_PASSWORD;
        MONGO_DB_URL
Source: Istio, samples/bookinfo/src/ratings/ratings.js

The drivers are the extra `databases`, which nothing else of Meltemi needs.
"""

import os
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pymongo import MongoClient

PATIENCE = 3.0
"""Seconds that a database may take to be reached."""


class StoreError(Exception):
    """The ratings cannot be read; the text is the answer's."""


class NoDriverError(Exception):
    """A driver is not installed; the text says which, and how to get it."""


def drivers() -> None:
    """See at the start that the driver is there. Raises NoDriverError."""
    if _mysql():
        _pymysql()
    else:
        _pymongo()


def stored() -> dict[str, int]:
    """Stars by reviewer: those of the first two rows, 0 where there are none. Raises StoreError, NoDriverError."""
    found = [*(_from_mysql() if _mysql() else _from_mongo()), 0, 0]
    return {"Reviewer1": found[0], "Reviewer2": found[1]}


def mongo_client(url: str, patience: float = PATIENCE) -> "MongoClient[dict[str, Any]]":
    """A client that connects when it is asked for something; `patience` in seconds. Raises NoDriverError."""
    return _pymongo().MongoClient(url, serverSelectionTimeoutMS=int(patience * 1000))


def _mysql() -> bool:
    return os.environ.get("DB_TYPE") == "mysql"


def _from_mysql() -> list[int]:
    driver: Any = _pymysql()
    env = os.environ
    try:
        connection = driver.connect(
            host=env.get("MYSQL_DB_HOST", ""), port=int(env.get("MYSQL_DB_PORT", "3306")), database="test",
            user=env.get("MYSQL_DB_USER", ""), password=env.get("MYSQL_DB_PASSWORD", ""), connect_timeout=PATIENCE,
        )  # fmt: skip
    except (driver.MySQLError, OSError) as problem:
        raise StoreError("could not connect to ratings database") from problem
    with connection, connection.cursor() as cursor:
        try:
            cursor.execute("SELECT Rating FROM ratings")
            return [row[0] for row in cursor.fetchall()]
        except driver.MySQLError as problem:
            raise StoreError("could not perform select") from problem


def _from_mongo() -> list[int]:
    driver: Any = _pymongo()
    try:
        found = _kept_client(os.environ.get("MONGO_DB_URL", "")).get_default_database("test")["ratings"].find({})
        return [one["rating"] for one in found]
    except driver.errors.ConnectionFailure as problem:
        raise StoreError("could not connect to ratings database") from problem
    except (driver.errors.PyMongoError, LookupError) as problem:
        raise StoreError("could not load ratings from database") from problem


@cache
def _kept_client(url: str) -> "MongoClient[dict[str, Any]]":
    return mongo_client(url)


def _pymysql() -> Any:
    try:
        import pymysql  # noqa: PLC0415  (an extra)
    except ImportError as missing:
        raise NoDriverError(_help("pymysql")) from missing
    return pymysql


def _pymongo() -> Any:
    try:
        import pymongo  # noqa: PLC0415  (an extra)
    except ImportError as missing:
        raise NoDriverError(_help("pymongo")) from missing
    return pymongo


def _help(module: str) -> str:
    tip = "uv sync --extra databases, or pip install 'meltemi[databases]'"
    return f"{module} is not installed: ratings v2 reads a database\n  help: {tip}"
