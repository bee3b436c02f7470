"""What crosses a pod's wire until standard input ends: run in its network namespace, `python capture.py WORD`.

Prints one JSON object: {"packets": n, "words": n, "hellos": {VERSION: n}}: TCP segments on every interface but
loopback, how many of them hold WORD in plain text, and what TLS versions servers chose (RFC 8446, 4.1.3).
"""

import json
import select
import socket
import sys
from collections import Counter
from collections.abc import Iterator

ETH_P_IP = 0x0800
TLS13 = b"\x00\x2b\x00\x02\x03\x04"
"""The extension supported_versions of a ServerHello that chose TLS 1.3."""


def main() -> None:
    word = sys.argv[1].encode()
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
    wire.setblocking(False)
    found: Counter[str] = Counter()
    hellos: Counter[str] = Counter()
    print("listening", flush=True)
    for packet, interface in _packets(wire):
        payload = _payload(packet)
        if interface == "lo" or not payload:
            continue
        found["packets"] += 1
        found["words"] += word in payload
        if payload[0] == 22 and payload[5:6] == b"\x02":
            hellos["TLSv1.3" if TLS13 in payload else "older"] += 1
    print(json.dumps({"packets": found["packets"], "words": found["words"], "hellos": hellos}))


def _packets(wire: socket.socket) -> Iterator[tuple[bytes, str]]:
    while True:
        ready, _, _ = select.select([wire, sys.stdin], [], [])
        if wire not in ready:
            return
        packet, (interface, *_) = wire.recvfrom(65535)
        yield packet, interface


def _payload(packet: bytes) -> bytes:
    """What a TCP segment carries; empty for everything else."""
    header = (packet[0] & 15) * 4
    if packet[9] != socket.IPPROTO_TCP or len(packet) < header + 20:
        return b""
    total = int.from_bytes(packet[2:4])
    return packet[header + (packet[header + 12] >> 4) * 4 : total]


if __name__ == "__main__":
    main()
