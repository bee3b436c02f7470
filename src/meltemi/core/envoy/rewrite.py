"""Write rewrites, redirects and direct answers as Envoy's route actions.

Place:  view/rewrite → [envoy/rewrite] → envoy/route
"""

from meltemi.core.envoy import pb
from meltemi.core.view.rewrite import Answer, Redirect, Rewrite

CODES = {
    301: pb.RedirectAction.MOVED_PERMANENTLY,
    302: pb.RedirectAction.FOUND,
    303: pb.RedirectAction.SEE_OTHER,
    307: pb.RedirectAction.TEMPORARY_REDIRECT,
    308: pb.RedirectAction.PERMANENT_REDIRECT,
}


def write_rewrite(rewrite: Rewrite, action: pb.RouteAction) -> None:
    """Add a rewrite to a route action."""
    if rewrite.prefix:
        action.prefix_rewrite = rewrite.prefix
    if rewrite.pattern:
        action.regex_rewrite.pattern.regex = rewrite.pattern
        action.regex_rewrite.substitution = rewrite.substitution
    if rewrite.host:
        action.host_rewrite_literal = rewrite.host


def redirect_action(redirect: Redirect) -> pb.RedirectAction:
    """Translate field by field."""
    action = pb.RedirectAction(
        host_redirect=redirect.host,
        port_redirect=redirect.port or 0,
        response_code=CODES[redirect.code],
    )
    if redirect.scheme:
        action.scheme_redirect = redirect.scheme
    if redirect.path:
        action.path_redirect = redirect.path
    if redirect.prefix:
        action.prefix_rewrite = redirect.prefix
    return action


def direct_response(answer: Answer) -> pb.DirectResponseAction:
    """Translate field by field."""
    action = pb.DirectResponseAction(status=answer.status)
    if answer.body:
        action.body.inline_bytes = answer.body
    return action
