"""A client: `python first.py ADDRESS SERVICES…`; prints the milliseconds of a first and of a later request to each.

Place:  bench/apps · run by bench/ondemand in a pod with a sidecar
"""

import json
import sys
import time
from http.client import HTTPConnection


def main() -> None:
    address, *hosts = sys.argv[1:]
    ask(address, hosts[0])  # this program's own first request, and the connection's
    first = [ask(address, host) for host in hosts[1:]]
    later = [ask(address, host) for host in hosts[1:]]
    sys.stdout.write(json.dumps({"first": first, "later": later}))


def ask(address: str, host: str) -> float:
    """One request on a connection of its own, whatever the address: the host decides where it goes."""
    connection = HTTPConnection(address, 80, timeout=20)
    start = time.perf_counter()
    connection.request("GET", "/", headers={"Host": host})
    response = connection.getresponse()
    response.read()
    taken = (time.perf_counter() - start) * 1000
    connection.close()
    if response.status != 200:
        raise RuntimeError(f"{host}: {response.status}")
    return taken


if __name__ == "__main__":
    main()
