"""A nameserver outside: every name is 192.0.2.7. Run as a program."""

import socket

import dns.message
import dns.rrset

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
    listener.bind(("0.0.0.0", 53))
    while True:
        data, asker = listener.recvfrom(4096)
        said = dns.message.make_response(dns.message.from_wire(data))
        said.answer.append(dns.rrset.from_text(said.question[0].name, 60, "IN", "A", "192.0.2.7"))
        listener.sendto(said.to_wire(), asker)
