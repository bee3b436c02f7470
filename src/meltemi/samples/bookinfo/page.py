"""The HTML of productpage.

Place:  samples/bookinfo · used by productpage
"""

from collections.abc import Mapping
from html import escape
from typing import Any

DESCRIPTION = (
    '<a href="https://en.wikipedia.org/wiki/The_Comedy_of_Errors">Wikipedia Summary</a>: The Comedy of Errors is one '
    "of <b>William Shakespeare's</b> early plays. It is his shortest and one of his most farcical comedies, with a "
    "major part of the humour coming from slapstick and mistaken identity, in addition to puns and word play."
)
STYLE = """
body { font-family: system-ui, sans-serif; color: #1f2937; max-width: 60rem; margin: 0 auto; padding: 0 1.5rem; }
header { display: flex; justify-content: space-between; align-items: center; border-bottom: 1px solid #d1d5db; }
h1 { color: #2563eb; text-align: center; }
section { display: inline-block; vertical-align: top; width: 46%; margin-right: 3%; }
th { text-align: left; padding-right: 1rem; } th, td { padding-bottom: .3rem; }
blockquote { margin: 0 0 1.2rem; border-left: 4px solid #d1d5db; padding-left: 1rem; }
.error { background: #fef2f2; color: #991b1b; padding: .7rem; border-radius: .4rem; }
"""


def index() -> str:
    """The entry page."""
    return _frame("", '<h1>Welcome to Bookinfo</h1><p>Go to the <a href="/productpage">product page</a>.</p>')


def product(user: str, details: Mapping[str, Any], reviews: Mapping[str, Any]) -> str:
    """The page of the one book that is sold. `details` and `reviews` hold `error` where they are not to be had."""
    body = f"<h1>The Comedy of Errors</h1><p>Summary: {DESCRIPTION}</p>{_details(details)}{_reviews(reviews)}"
    return _frame(user, body)


def _frame(user: str, body: str) -> str:
    sign = (
        f'<span>{escape(user)} (<a href="/logout">sign out</a>)</span>'
        if user
        else '<form method="post" action="/login">'
        '<input name="username" placeholder="User Name" aria-label="User Name">'
        '<input name="passwd" type="password" placeholder="Password" aria-label="Password">'
        "<button>Sign in</button></form>"
    )
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Simple Bookstore App</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="stylesheet" href="/static/style.css"></head><body>'
        f"<header><p>BookInfo Sample</p>{sign}</header>{body}</body></html>"
    )


def _details(details: Mapping[str, Any]) -> str:
    if "error" in details:
        return _failed("Error fetching product details!", details["error"])
    names = ("type", "pages", "publisher", "language", "ISBN-10", "ISBN-13")
    rows = "".join(f"<tr><th>{name.capitalize()}:</th><td>{escape(str(details.get(name)))}</td></tr>" for name in names)
    return f"<section><h2>Book Details</h2><table>{rows}</table></section>"


def _reviews(reviews: Mapping[str, Any]) -> str:
    if "error" in reviews:
        return _failed("Error fetching product reviews!", reviews["error"])
    quotes = "".join(_review(review) for review in reviews["reviews"])
    served = f"<p>Reviews served by: <u>{escape(str(reviews.get('podname')))}</u></p>"
    return f"<section><h2>Book Reviews</h2>{quotes}{served}</section>"


def _review(review: Mapping[str, Any]) -> str:
    quote = f"<p>{escape(review['text'])}</p><small>{escape(review['reviewer'])}</small>"
    rating = review.get("rating")
    if not rating:
        return f"<blockquote>{quote}</blockquote>"
    if "error" in rating:
        return f"<blockquote>{quote}<p><i>{escape(rating['error'])}</i></p></blockquote>"
    stars, color = int(rating["stars"]), escape(rating["color"])
    drawn = f'<span class="glyphicon glyphicon-star" style="color: {color}">★</span>' * stars
    left = '<span class="glyphicon glyphicon-star-empty">☆</span>' * (5 - stars)
    return f'<blockquote>{quote}<p><font color="{color}">{drawn}{left}</font></p></blockquote>'


def _failed(what: str, why: str) -> str:
    return f'<section><div class="error"><h2>{what}</h2><p>{escape(why)}</p></div></section>'
