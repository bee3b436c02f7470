"""Bookinfo's services answer as Istio's documentation says, over real sockets."""

import json
from contextlib import AbstractContextManager
from http.client import HTTPResponse

import pytest

from unit.samples import programs
from unit.samples.programs import free_port, program


def service(name: str, **env: str) -> AbstractContextManager[int]:
    return program(f"bookinfo.{name}", **env)


def ask(port: int, path: str, method: str = "GET", body: str = "", **headers: str) -> tuple[HTTPResponse, str]:
    response, content = programs.ask(port, path, method, body, **headers)
    return response, content.decode()


def here(name: str, port: int) -> dict[str, str]:
    return {f"{name}_HOSTNAME": "127.0.0.1", f"{name}_SERVICE_PORT": str(port)}


@pytest.mark.parametrize(("color", "enabled"), [("black", "true"), ("red", "true"), (None, "false")])
def test_reviews_carry_the_stars_of_their_version(color: str | None, enabled: str) -> None:
    env = {"ENABLE_RATINGS": enabled, "STAR_COLOR": color or ""}
    with service("ratings") as ratings, service("reviews", **env, **here("RATINGS", ratings)) as reviews:
        _, text = ask(reviews, "/reviews/0")

    rating = json.loads(text)["reviews"][0].get("rating")
    assert rating == ({"stars": 5, "color": color} if color else None)


def test_reviews_say_that_ratings_are_not_to_be_had() -> None:
    with service("reviews", ENABLE_RATINGS="true", STAR_COLOR="red", **here("RATINGS", free_port())) as reviews:
        response, text = ask(reviews, "/reviews/0")

    assert response.status == 200
    assert json.loads(text)["reviews"][0]["rating"] == {"error": "Ratings service is currently unavailable"}


def test_the_page_holds_details_and_reviews() -> None:
    with service("details") as details, service("reviews") as reviews:
        env = here("DETAILS", details) | here("REVIEWS", reviews)
        with service("productpage", **env) as productpage:
            response, text = ask(productpage, "/productpage")

    assert response.status == 200
    assert "<title>Simple Bookstore App</title>" in text
    assert "paperback" in text
    assert "Reviewer1" in text


def test_the_page_says_what_is_not_to_be_had() -> None:
    env = here("DETAILS", free_port()) | here("REVIEWS", free_port())
    with service("productpage", **env) as productpage:
        response, text = ask(productpage, "/productpage")

    assert response.status == 200
    assert "Sorry, product reviews are currently unavailable for this book." in text


def test_login_sets_the_user_and_the_user_travels_on() -> None:
    with service("productpage") as productpage:
        response, _ = ask(productpage, "/login", "POST", "username=jason&passwd=x", referer="/productpage")
        cookie = response.headers["Set-Cookie"].split(";")[0]
        _, text = ask(productpage, "/productpage", cookie=cookie)

    assert (response.status, cookie) == (302, "user=jason")
    assert "jason" in text


@pytest.mark.parametrize(
    ("name", "path"), [("details", "/details/x"), ("ratings", "/ratings/x"), ("reviews", "/other")]
)
def test_bad_product_numbers_are_refused(name: str, path: str) -> None:
    with service(name) as port:
        response, _ = ask(port, path)

    assert response.status == 400


def test_ratings_can_be_given() -> None:
    with service("ratings") as ratings:
        ask(ratings, "/ratings/3", "POST", '{"Reviewer1": 1}')
        _, text = ask(ratings, "/ratings/3")

    assert json.loads(text) == {"id": 3, "ratings": {"Reviewer1": 1}}
