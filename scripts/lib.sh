# Shared by the scripts beside it; sourced, never run.
# Everything that a script needs is set up here, so that each can be the first one run on a fresh machine.

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root" || exit 2

PATH=$PATH:/usr/sbin:/sbin  # where Debian keeps ip, nft and iptables, and does not let ordinary users look

say() { printf '%s\n' "$*" >&2; }

# system_packages COMMAND=PACKAGE …: install by apt what is missing, or say exactly what to install.
system_packages() {
    missing=""
    for pair in "$@"; do
        command -v "${pair%%=*}" >/dev/null 2>&1 || missing="$missing ${pair#*=}"
    done
    [ -z "$missing" ] && return 0
    if command -v apt-get >/dev/null 2>&1; then
        if [ "$(id -u)" = 0 ]; then sudo=""; elif sudo -n true 2>/dev/null; then sudo="sudo"; else sudo="no"; fi
        if [ "$sudo" != no ]; then
            say "installing system packages:$missing"
            # shellcheck disable=SC2086  # a list of words on purpose
            { $sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq $missing; } >/dev/null && return 0
        fi
    fi
    say "missing system packages; as root, run:  apt-get install$missing"
    exit 2
}

# find_python: print a Python of 3.11 or newer.
find_python() {
    for name in python3 python3.11 python3.12 python3.13 python3.14; do
        if command -v "$name" >/dev/null 2>&1 && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            "$name" -c 'import sys; print(sys.executable)'  # not a shim: uv remakes .venv when the path differs
            return 0
        fi
    done
    return 1
}

# find_uv: put the path of uv into $uv, installing it into a cache of the project if need be.
find_uv() {
    if command -v uv >/dev/null 2>&1; then uv=$(command -v uv); return 0; fi
    uv="$root/.cache/uv/bin/uv"
    [ -x "$uv" ] && return 0
    "$python" -c 'import ensurepip, venv' 2>/dev/null || system_packages no-such-command=python3-venv
    "$python" -m venv "$root/.cache/uv" && "$root/.cache/uv/bin/pip" install -q --disable-pip-version-check uv || { say "could not install uv"; exit 2; }
}

# set_up [dev]: the virtual environment .venv with everything that the lock file names.
set_up() {
    system_packages ip=iproute2 iptables-restore=iptables nft=nftables curl=curl setpriv=util-linux unshare=util-linux
    python=$(find_python) || system_packages no-such-command=python3
    python=${python:-$(find_python)} || { say "Python 3.11 or newer is needed"; exit 2; }
    find_uv
    groups="--no-dev"
    [ "${1:-}" = dev ] && groups=""
    # shellcheck disable=SC2086
    UV_PYTHON_DOWNLOADS=never "$uv" sync -q --frozen --inexact --python "$python" $groups || { say "could not set up .venv"; exit 2; }
}
