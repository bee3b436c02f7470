"""MongoDB with Bookinfo's ratings in collection `ratings` of database `test`.

Place:  samples/databases · image examples-bookinfo-mongodb → [mongodb] → mongod, a child of this process
Source: Istio, samples/bookinfo/src/mongodb: script.sh, ratings_data.json
"""

import signal
import subprocess
import sys
from types import FrameType
from typing import Any

from meltemi.samples.bookinfo.stored import mongo_client
from meltemi.samples.databases import data_folder, program

VOLUME = "/data/db"
PACKAGE = "mongodb-org-server (of MongoDB's own package repository)"
URL = "mongodb://127.0.0.1:27017/test"
RATINGS = ({"rating": 5}, {"rating": 4})
PATIENCE = 30.0
"""Seconds that the server may take to answer."""


def main() -> None:
    """Start the server, fill it, and end with it. Arguments are the server's."""
    server = program("mongod", package=PACKAGE)
    child = subprocess.Popen([server, "--dbpath", str(data_folder(VOLUME)), *sys.argv[1:]])

    def end(number: int, _: FrameType | None) -> None:
        child.send_signal(number)

    signal.signal(signal.SIGTERM, end)
    fill(URL)
    raise SystemExit(child.wait())


def fill(url: str) -> None:
    """Put the ratings there, unless some are."""
    found: Any = mongo_client(url, PATIENCE).get_default_database()["ratings"]
    if found.count_documents({}) == 0:
        found.insert_many([dict(one) for one in RATINGS])


if __name__ == "__main__":
    main()
