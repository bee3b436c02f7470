"""Where and how each request and connection is logged.

Place:  model/mesh → [view/access_log] → envoy/access_log
Source: Istio, "Envoy Access Logs", default text format; MeshConfig.accessLogFile, accessLogFormat
"""

from meltemi.core.compose.mesh import mesh
from meltemi.core.engine.engine import Engine
from meltemi.core.model.value import Value

TEXT = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% '
    "%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "
    '"%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% '
    '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" '
    '"%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% '
    "%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n"
)
"""The fields and their order are what Istio's tools read."""


class LogTo(Value, frozen=True, kw_only=True):
    """A file, and the format of its lines."""

    path: str
    format: str = TEXT


def access_log(e: Engine) -> LogTo | None:
    """The mesh's access log; None where it keeps none."""
    settings = mesh(e)
    if not settings.access_log_file:
        return None
    written = settings.access_log_format
    if not written:
        return LogTo(path=settings.access_log_file)
    return LogTo(path=settings.access_log_file, format=written if written.endswith("\n") else written + "\n")
