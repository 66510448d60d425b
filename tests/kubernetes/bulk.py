#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""bulk.py PORT TOKEN: carries out lines "METHOD PATH [JSON]" from stdin against the API server, eight at a time."""
import http.client
import ssl
import sys
import threading

lines = iter(sys.stdin.read().splitlines())
lock = threading.Lock()
failed = []


def work():
    context = ssl._create_unverified_context()
    connection = http.client.HTTPSConnection("127.0.0.1", int(sys.argv[1]), context=context)
    while True:
        with lock:
            line = next(lines, None)
        if line is None:
            return
        method, path, *body = line.split(" ", 2)
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        connection.request(method, path, body[0] if body else None,
                           {"Authorization": f"Bearer {sys.argv[2]}", "Content-Type": kind})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            failed.append(f"{line[:80]}: {answer.status} {text[:200]}")


threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
if failed:
    sys.exit("\n".join(failed[:5]))
