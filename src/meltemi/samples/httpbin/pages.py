"""Pages that are always the same.

Place:  samples/httpbin · used by __main__
"""

import json
from typing import NamedTuple

HTML = "text/html; charset=utf-8"


class Page(NamedTuple):
    """A text and what it is."""

    text: str
    content_type: str


PAGES = {
    "": Page(
        "<!DOCTYPE html><html lang=en><title>httpbin</title><h1>httpbin</h1><p>Answers with what it was asked: "
        "<a href=/get>/get</a>, <a href=/headers>/headers</a>, <a href=/status/418>/status/418</a>, "
        "<a href=/delay/1>/delay/1</a>, <a href=/anything/else>/anything/…</a></p></html>",
        HTML,
    ),
    "html": Page(
        "<!DOCTYPE html><html lang=en><head><title>A page</title></head><body><h1>The wind of the Aegean</h1>"
        "<p>The meltemi blows in summer, from the north, out of a clear sky.</p></body></html>",
        HTML,
    ),
    "json": Page(
        json.dumps({"slideshow": {"title": "Sample Slide Show", "slides": [{"title": "Overview", "type": "all"}]}}),
        "application/json",
    ),
    "xml": Page("<?xml version='1.0'?><slideshow title='Sample Slide Show'/>", "application/xml"),
    "robots.txt": Page("User-agent: *\nDisallow: /deny\n", "text/plain"),
    "deny": Page("You shouldn't be here.\n", "text/plain"),
    "encoding/utf8": Page("<!DOCTYPE html><meta charset=utf-8><p>Μελτέμι · ветер · 風</p>", HTML),
}
"""Path without its first stroke → page."""
