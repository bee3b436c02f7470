"""Bookinfo's databases: a server of this machine, filled with the sample's ratings.

Place:  samples · images.yaml → [databases] → mariadbd, mysqld, mongod
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

PLACES = ("/usr/local/sbin", "/usr/sbin")
"""Where servers are, and not always on PATH."""
MISSING = 1
"""Exit code where nothing of what is needed is installed."""


def program(*names: str, package: str) -> str:
    """The first of some programs that is here; ends the process, and says what to install, where none is."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *PLACES))
    found = next((there for name in names if (there := shutil.which(name, path=path))), None)
    if found is None:
        print(f"{' or '.join(names)} is not on this machine\n  help: apt-get install {package}", file=sys.stderr)
        raise SystemExit(MISSING)
    return found


def data_folder(mount: str) -> Path:
    """Where the data go: the pod's volume, or a folder of their own, lest they be those of the machine."""
    return Path(mount) if os.path.ismount(mount) else Path(tempfile.mkdtemp(prefix="data-"))
