"""Ask the server beside this for /healthz or /readyz: exit code 0 where it answers 200, else 1 and why.

    python -I probe.py PATH [KEY_FILE]

It needs nothing but Python, and runs every few seconds: so it imports little. /readyz needs an API key; its file is
read anew each time. PROBE_PORT names another port than 8000. For images without curl.
"""

import os
import socket
import sys

SECONDS = 8.0  # /readyz asks the stores for at most five
MOST = 65536


def main(path: str, key_file: str = "") -> str:
    """Nothing where the server answers 200; else what it says instead."""
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close"]
    try:
        if key_file:
            with open(key_file, encoding="ascii") as file:  # noqa: PTH123 - pathlib takes longer to import than to ask
                lines.append(f"Authorization: Bearer {file.read().strip()}")
        address = ("127.0.0.1", int(os.environ.get("PROBE_PORT", "8000")))
        with socket.create_connection(address, timeout=SECONDS) as line:
            line.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
            answer = b""
            while len(answer) < MOST and (more := line.recv(4096)):
                answer += more
    except (OSError, ValueError) as error:
        return f"{path}: {error}"
    head, _, body = answer.partition(b"\r\n\r\n")
    if head.split(b"\r\n")[0].split(b" ")[1:2] == [b"200"]:
        return ""
    first = head.decode("latin-1").split("\r\n")[0][:64] or "no answer"
    return f"{path}: {first} {body.decode('latin-1')[:500]}"


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: probe.py PATH [KEY_FILE]")
    sys.exit(main(*sys.argv[1:]) or 0)
