"""Write an access log.

Place:  view/access_log → [envoy/access_log] → envoy/{hcm,tcp,inbound}
"""

import json

from meltemi.core.envoy import pb
from meltemi.core.view.access_log import LogTo


def access_logs(log: LogTo | None) -> list[pb.AccessLog]:
    """None, or one."""
    if log is None:
        return []
    config = pb.FileAccessLog(path=log.path)
    if log.json:
        config.log_format.json_format.CopyFrom(pb.struct(json.loads(log.format)))
    else:
        config.log_format.text_format_source.inline_string = log.format
    return [pb.AccessLog(name="envoy.access_loggers.file", typed_config=pb.any_of(config))]
