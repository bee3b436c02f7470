"""reviews: two reviews of a book; v2 adds black stars, v3 red ones, both asked of ratings.

Place:  samples/bookinfo · called by productpage, calls ratings
Env:    ENABLE_RATINGS=true, STAR_COLOR; RATINGS_HOSTNAME, RATINGS_SERVICE_PORT, SERVICES_DOMAIN
"""

import json
import os
import socket
from collections.abc import Mapping

from meltemi.samples.bookinfo.client import call
from meltemi.samples.bookinfo.headers import propagated
from meltemi.samples.server import Reply, Request, port_argument, serve

TEXTS = {
    "Reviewer1": "An extremely entertaining play by Shakespeare. The slapstick humour is refreshing!",
    "Reviewer2": "Absolutely fun and entertaining. The play lacks thematic depth when compared to other plays "
    "by Shakespeare.",
}
# Source: Istio, "Fault Injection": reviews waits 10 s for ratings, which productpage does not (its bug to be found);
# v3 carries the mended limit of 2.5 s.
PATIENCE = {"black": 10.0}
MENDED = 2.5


def reviews(request: Request) -> Reply:
    """Answer /health and /reviews/NUMBER."""
    if request.path == "/health":
        return Reply({"status": "Reviews is healthy"})
    head, _, number = request.path.rpartition("/")
    if head != "/reviews" or not number.isdecimal():
        return Reply({"error": "please provide numeric product id"}, status=400)
    rated = os.environ.get("ENABLE_RATINGS") == "true"
    stars = _stars(number, propagated(request.headers)) if rated else None
    found = [_review(name, stars, rated) for name in TEXTS]
    return Reply({"id": number, "podname": socket.gethostname(), "clustername": "null", "reviews": found})


def _review(name: str, stars: Mapping[str, int] | None, rated: bool) -> dict[str, object]:
    review: dict[str, object] = {"reviewer": name, "text": TEXTS[name]}
    if not rated:
        return review
    if stars is None:
        return {**review, "rating": {"error": "Ratings service is currently unavailable"}}
    return {**review, "rating": {"stars": stars.get(name, -1), "color": _color()}}


def _stars(number: str, headers: Mapping[str, str]) -> Mapping[str, int] | None:
    domain = os.environ.get("SERVICES_DOMAIN", "")
    host = os.environ.get("RATINGS_HOSTNAME", "ratings") + (f".{domain}" if domain else "")
    port = os.environ.get("RATINGS_SERVICE_PORT", "9080")
    status, body = call(f"http://{host}:{port}/ratings/{number}", headers, PATIENCE.get(_color(), MENDED))
    try:
        return json.loads(body)["ratings"] if status == 200 else None
    except (LookupError, TypeError, ValueError):
        return None


def _color() -> str:
    return os.environ.get("STAR_COLOR", "black")


if __name__ == "__main__":
    serve(reviews, port_argument())
