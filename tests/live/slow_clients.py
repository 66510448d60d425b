#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""slow_clients.py ADDRESS PORT COUNT: clients that are silent, or send a byte now and then, until all are sent away."""
import select
import socket
import sys
import time

address, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
clients = []
for i in range(count):
    clients.append(socket.create_connection((address, port), timeout=5))
    clients[-1].setblocking(False)
    if i % 2:
        clients[-1].send(b"GET /metrics HTTP/1.1\r\nX-Slow: ")
print("all there", flush=True)

while clients:
    time.sleep(0.5)
    for client in select.select(clients, [], [], 0)[0]:
        try:
            gone = not client.recv(4096)
        except OSError:
            gone = True
        if gone:
            clients.remove(client)
    for client in clients[1::2]:
        try:
            client.send(b"x")
        except OSError:
            pass
print("all gone", flush=True)
