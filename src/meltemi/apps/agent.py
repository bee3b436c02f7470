"""`pilot-agent`: the process beside each Envoy, and the small commands that run in its pod.

Place:  apps · composition root of shell/agent; the injector writes its command lines (core/inject/containers)
Exit:   0 done · 1 failed, with a message · 2 wrong flags

    pilot-agent proxy sidecar|router [--domain D] …   run Envoy until told to end
    pilot-agent istio-iptables …                      put the interception rules in place
    pilot-agent wait                                  return when the proxy is ready
    pilot-agent request METHOD PATH                   ask Envoy's admin interface
    pilot-agent version
"""

import argparse
import os
import sys
import time

_LOOK_EVERY = 0.02


def main() -> None:
    """Entry point of the script `pilot-agent`."""
    options = parser().parse_args()
    sys.exit(options.run(options))


def parser() -> argparse.ArgumentParser:
    """All commands and their flags; the chosen one's function is `run`."""
    top = argparse.ArgumentParser(prog="pilot-agent", allow_abbrev=False)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    _proxy_flags(commands.add_parser("proxy", help="run Envoy until told to end", allow_abbrev=False))
    _iptables_flags(
        commands.add_parser("istio-iptables", help="put the interception rules in place", allow_abbrev=False)
    )
    wait = commands.add_parser("wait", help="return when the proxy is ready")
    wait.add_argument("--timeoutSeconds", dest="timeout", type=float, default=60.0)
    wait.add_argument("--url", default="http://127.0.0.1:15021/healthz/ready")
    wait.add_argument("--periodMillis", dest="period", type=int, default=round(_LOOK_EVERY * 1000))
    wait.set_defaults(run=_wait)
    request = commands.add_parser("request", help="ask Envoy's admin interface, or the agent")
    request.add_argument("--debug-port", type=int, default=15000)
    request.add_argument("method")
    request.add_argument("path")
    request.set_defaults(run=_request)
    commands.add_parser("version", help="print the version").set_defaults(run=_version)
    return top


def _proxy_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("role", choices=["sidecar", "router"])
    parser.add_argument("--domain", default="")
    parser.add_argument("--proxyLogLevel", dest="log_level", default="")
    parser.add_argument("--proxyComponentLogLevel", dest="component_log_level", default="")
    parser.add_argument("--concurrency", default="")
    parser.add_argument("--log_output_level", default="", help="accepted; the agent has one level")
    parser.set_defaults(run=_proxy)


def _iptables_flags(parser: argparse.ArgumentParser) -> None:
    flags = (
        ("-p", "--envoy-port", "outbound_port", "15001"),
        ("-z", "--inbound-capture-port", "inbound_port", "15006"),
        ("-e", "--inbound-tunnel-port", "tunnel_port", "15008"),
        ("-u", "--proxy-uid", "uids", "1337"),
        ("-g", "--proxy-gid", "gids", ""),
        ("-M", "--proxy-mark", "marks", ""),
        ("-m", "--istio-inbound-interception-mode", "mode", "REDIRECT"),
        ("-b", "--istio-inbound-ports", "inbound_ports", ""),
        ("-d", "--istio-local-exclude-ports", "exclude_inbound_ports", ""),
        ("-i", "--istio-service-cidr", "outbound_ranges", ""),
        ("-x", "--istio-service-exclude-cidr", "exclude_outbound_ranges", ""),
        ("-q", "--istio-outbound-ports", "outbound_ports", ""),
        ("-o", "--istio-local-outbound-ports-exclude", "exclude_outbound_ports", ""),
        ("-k", "--kube-virt-interfaces", "virtual_interfaces", ""),
        ("-c", "--istio-exclude-interfaces", "exclude_interfaces", ""),
    )
    for short, long, name, default in flags:
        parser.add_argument(short, long, dest=name, default=default)
    parser.add_argument("--redirect-dns", action="store_true", help="questions for names go to port 15053")
    parser.add_argument("--dry-run", action="store_true", help="print the rules only")
    parser.add_argument("--log_output_level", default="", help="accepted; the command has one level")
    parser.set_defaults(run=_iptables)


def _proxy(options: argparse.Namespace) -> int:
    # Each command imports its own world: `wait` runs before every application and must be quick.
    import asyncio

    from meltemi.shell.agent import run, settings

    levels = {"log_level": options.log_level, "component_log_level": options.component_log_level}
    try:
        told = settings.read(role=options.role, domain=options.domain, concurrency=options.concurrency, **levels)
    except ValueError as e:
        print(f"pilot-agent: the environment cannot be read: {e}", file=sys.stderr)
        return 1
    asyncio.run(run.main(told))
    return 0


def _iptables(options: argparse.Namespace) -> int:
    from meltemi.core.inject.capture import Capture
    from meltemi.core.inject.restore import words
    from meltemi.shell.agent.iptables import InterceptionError, apply, resolvers, with_environment

    if options.mode not in {"REDIRECT", "NONE"}:
        print(f"pilot-agent: interception mode '{options.mode}' is not supported: use REDIRECT", file=sys.stderr)
        return 1
    capture = Capture(
        outbound_port=options.outbound_port,
        inbound_port=options.inbound_port,
        tunnel_port=options.tunnel_port,
        marks=words(options.marks),
        uids=() if options.marks else words(options.uids),
        gids=() if options.marks else words(options.gids or options.uids),  # Istio's default: called as the user.
        inbound_ports=words(options.inbound_ports),
        exclude_inbound_ports=words(options.exclude_inbound_ports),
        outbound_ranges=words(options.outbound_ranges),
        exclude_outbound_ranges=words(options.exclude_outbound_ranges),
        outbound_ports=words(options.outbound_ports),
        exclude_outbound_ports=words(options.exclude_outbound_ports),
        virtual_interfaces=words(options.virtual_interfaces),
        exclude_interfaces=words(options.exclude_interfaces),
        redirect_dns=options.redirect_dns,
        dns_servers=resolvers() if options.redirect_dns else (),
    )
    try:
        apply(with_environment(capture, os.environ), dry_run=options.dry_run)
    except InterceptionError as e:
        print(f"pilot-agent: {e}", file=sys.stderr)
        return 1
    return 0


def _wait(options: argparse.Namespace) -> int:
    host, _, path = options.url.removeprefix("http://").partition("/")
    name, _, port = host.partition(":")
    end = time.monotonic() + options.timeout
    while time.monotonic() < end:
        if _is_ready(name, int(port or 80), "/" + path):
            return 0
        time.sleep(options.period / 1000)
    print(f"pilot-agent: the proxy is not ready after {options.timeout:g} s", file=sys.stderr)
    return 1


def _is_ready(host: str, port: int, path: str) -> bool:
    # A bare socket: importing an HTTP client takes longer than most waits.
    import socket

    try:
        with socket.create_connection((host, port), timeout=5) as sock:
            sock.sendall(f"GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
            return sock.recv(1024).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def _request(options: argparse.Namespace) -> int:
    from http.client import HTTPConnection, HTTPException

    try:
        connection = HTTPConnection("127.0.0.1", options.debug_port, timeout=60)
        connection.request(options.method.upper(), "/" + options.path.removeprefix("/"))
        answer = connection.getresponse()
        sys.stdout.buffer.write(answer.read())
    except (OSError, HTTPException) as e:
        print(f"pilot-agent: port {options.debug_port} does not answer: {e}", file=sys.stderr)
        return 1
    if answer.status != 200:
        print(f"pilot-agent: status {answer.status}", file=sys.stderr)
    return 0 if answer.status == 200 else 1


def _version(_options: argparse.Namespace) -> int:
    from importlib.metadata import version

    print(version("meltemi"))
    return 0


if __name__ == "__main__":
    main()
