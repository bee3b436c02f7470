"""httpbin: answers with what it was asked, and misbehaves on demand.

Two programs are known under the name, and samples of both times are about: one that writes headers and arguments
as lists (go-httpbin, today's samples), and an older one that writes single values (`--plain`).
"""
