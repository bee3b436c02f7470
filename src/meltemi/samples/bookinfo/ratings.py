"""ratings: how many stars each reviewer gave, with switches that make it fail.

Place:  samples/bookinfo · called by reviews
Env:    SERVICE_VERSION = v1 | v2 (reads them from a database: stored) | v-faulty (every second request 503) |
        v-delayed (every second request 7 s late) | v-unavailable (every other minute 503) |
        v-unhealthy (every other minute 503 and not healthy)
"""

import json
import os
import random
import sys
import time

from meltemi.samples.bookinfo.stored import NoDriverError, StoreError, drivers, stored
from meltemi.samples.server import Reply, Request, port_argument, serve

DELAY = 7.0
PHASE = 60.0
STORED = "v2"
_UNAVAILABLE = Reply({"error": "Service unavailable"}, status=503)
_added: dict[int, dict[str, object]] = {}
_started = time.monotonic()


def ratings(request: Request) -> Reply:
    """Answer /health and GET or POST /ratings/NUMBER."""
    version = os.environ.get("SERVICE_VERSION", "v1")
    if request.path == "/health":
        return _health(version)
    head, _, number = request.path.rpartition("/")
    if head != "/ratings" or not number.isdecimal():
        return Reply({"error": "please provide numeric product ID"}, status=400)
    if version == STORED:
        return _stored(int(number), request.method)
    if request.method == "POST":
        return _add(int(number), request.body)
    return _switched(version) or _local(int(number))


def _health(version: str) -> Reply:
    if version == "v-unhealthy" and _bad_phase():
        return Reply({"status": "Ratings is not healthy"}, status=500)
    return Reply({"status": "Ratings is healthy"})


def _switched(version: str) -> Reply | None:
    """The answer that a fault switch gives instead; None where the request shall succeed."""
    unlucky = random.random() <= 0.5  # noqa: S311  (a fault switch, not a secret)
    if version == "v-faulty" and unlucky:
        return _UNAVAILABLE
    if version == "v-delayed" and unlucky:
        time.sleep(DELAY)
    if version in ("v-unavailable", "v-unhealthy") and _bad_phase():
        return _UNAVAILABLE
    return None


def _bad_phase() -> bool:
    return int((time.monotonic() - _started) / PHASE) % 2 == 1


def _local(number: int) -> Reply:
    return Reply({"id": number, "ratings": _added.get(number, {"Reviewer1": 5, "Reviewer2": 4})})


def _stored(number: int, method: str) -> Reply:
    if method == "POST":
        return Reply({"error": "Post not implemented for database backed ratings"}, status=501)
    try:
        return Reply({"id": number, "ratings": stored()})
    except StoreError as problem:
        return Reply({"error": str(problem)}, status=500)


def _add(number: int, body: bytes) -> Reply:
    try:
        given = json.loads(body)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        return Reply({"error": "please provide valid ratings JSON"}, status=400)
    _added[number] = given
    return _local(number)


def main() -> None:
    """Serve, unless something is missing."""
    if os.environ.get("SERVICE_VERSION") == STORED:
        try:
            drivers()
        except NoDriverError as missing:
            print(missing, file=sys.stderr)
            raise SystemExit(1) from None
    serve(ratings, port_argument())


if __name__ == "__main__":
    main()
