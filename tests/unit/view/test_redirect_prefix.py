"""A redirect may replace just the part of the path that a prefix match found, in two spellings."""

import pytest

from meltemi.core.model.traffic.virtual_service import HTTPRedirect
from meltemi.core.view.rewrite import effective_redirect


@pytest.mark.parametrize("written", [HTTPRedirect(prefix_rewrite="/new"), HTTPRedirect(uri="%PREFIX()%/new")])
def test_the_matched_prefix_is_replaced(written: HTTPRedirect):
    settled = effective_redirect(written, port=80)
    assert (settled.path, settled.prefix) == ("", "/new")
