#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""apiserver.py ADDRESS PORT [CERTIFICATE KEY]: an API server that does what the real one will not.

It keeps objects, lists them (in pages, or as a watch that begins with all of them) and tells of changes. Whoever posts
to /control changes objects, and how it behaves:

  {"put": OBJECT}  {"delete": OBJECT}  what is there; with "silently": true nobody is told
  {"set": {"stream": false}}           refuses lists that stream (400)
  {"set": {"gzip": true}}              compresses, a member for the list and one for what follows
  {"set": {"drip": true}}              writes byte by byte
  {"set": {"token": "x"}}              401 without this one
  {"set": {"retry_after": 2}}          with each error
  {"fail": {"services": 500}}          this status for the kind until it is 0
  {"raw": "services", "text": "..."}   sends this to the watches of the kind as it is
  {"cut": "services"}                  ends them in the middle
  {"end": "services"}                  ends them as the real one does
  {"forget": true}                     old versions are gone: 410 for watches from there
A list of orders is carried out in its order. GET /control is what was asked so far, as a list of [seconds, path].
"""
import gzip
import json
import socketserver
import ssl
import sys
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

KINDS = {
    "services": ("Service", "v1", "/api/v1"),
    "nodes": ("Node", "v1", "/api/v1"),
    "endpointslices": ("EndpointSlice", "discovery.k8s.io/v1", "/apis/discovery.k8s.io/v1"),
}
BY_KIND = {kind: plural for plural, (kind, _, _) in KINDS.items()}

lock = threading.Condition()
objects = {plural: {} for plural in KINDS}
events = []  # (version, plural, line; or whether it ends well)
settings = {"stream": True, "gzip": False, "drip": False, "token": "", "retry_after": 0}
failing = {}
asked = []
version = 1
oldest = 0


def key_of(item):
    return (item["metadata"].get("namespace", ""), item["metadata"]["name"])


def event(change, item):
    return json.dumps({"type": change, "object": item}) + "\n"


def bookmark(plural, ends):
    kind, api, _ = KINDS[plural]
    metadata = {"resourceVersion": str(version)}
    if ends:
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    return event("BOOKMARK", {"kind": kind, "apiVersion": api, "metadata": metadata})


def change(item, gone, silently):
    global version
    plural = BY_KIND[item["kind"]]
    kind, api, _ = KINDS[plural]
    version += 1
    item = {**item, "kind": kind, "apiVersion": api}
    item["metadata"] = {**item["metadata"], "resourceVersion": str(version)}
    key = key_of(item)
    known = key in objects[plural]
    if gone:
        objects[plural].pop(key, None)
    else:
        objects[plural][key] = item
    if not silently:
        events.append((version, plural, event("DELETED" if gone else "MODIFIED" if known else "ADDED", item)))


def control(order):
    global oldest, version
    with lock:
        if "put" in order:
            change(order["put"], False, order.get("silently"))
        if "delete" in order:
            change(order["delete"], True, order.get("silently"))
        settings.update(order.get("set", {}))
        failing.update(order.get("fail", {}))
        if "raw" in order:
            events.append((version, order["raw"], order["text"]))
        for how in ("cut", "end"):
            if how in order:
                events.append((version, order[how], how == "end"))
        if order.get("forget"):
            version += 1
            oldest = version
        lock.notify_all()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_POST(self):
        orders = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        for order in orders if isinstance(orders, list) else [orders]:
            control(order)
        self.reply(200, b"{}")

    def reply(self, status, body, headers=None):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.drip(body)

    def refuse(self, status, message):
        headers = {"Retry-After": str(settings["retry_after"])} if settings["retry_after"] else {}
        body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": status}
        self.reply(status, json.dumps(body).encode(), headers)

    def drip(self, data):
        if not settings["drip"]:
            self.wfile.write(data)
            return
        for i in range(len(data)):
            self.wfile.write(data[i : i + 1])
            self.wfile.flush()

    def do_GET(self):
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/control":
            self.reply(200, json.dumps(asked).encode())
            return
        asked.append([time.monotonic(), self.path])
        plural = url.path.rsplit("/", 1)[-1]
        if plural not in KINDS or not url.path.startswith(KINDS[plural][2]):
            self.refuse(404, "the server could not find the requested resource")
        elif settings["token"] and self.headers.get("Authorization") != f"Bearer {settings['token']}":
            self.refuse(401, "Unauthorized")
        elif failing.get(plural):
            self.refuse(failing[plural], f"{plural}: failing as told")
        elif query.get("watch") == "true":
            self.watch(plural, query)
        else:
            self.page(plural, query)

    def page(self, plural, query):
        kind, api, _ = KINDS[plural]
        with lock:
            items = [objects[plural][key] for key in sorted(objects[plural])]
            metadata = {"resourceVersion": str(version)}
        begin, limit = int(query.get("continue", "0")), int(query.get("limit", "0")) or len(items)
        if begin + limit < len(items):
            metadata["continue"] = str(begin + limit)
        # As the real one has it: items of a list do not name their kind.
        part = [{name: item[name] for name in item if name not in ("kind", "apiVersion")} for item in items]
        body = json.dumps({"kind": f"{kind}List", "apiVersion": api, "metadata": metadata,
                           "items": part[begin : begin + limit]}).encode()
        if settings["gzip"]:
            self.reply(200, gzip.compress(body), {"Content-Encoding": "gzip"})
        else:
            self.reply(200, body)

    def watch(self, plural, query):
        streams = query.get("sendInitialEvents") == "true"
        if streams and not settings["stream"]:
            self.refuse(400, "sendInitialEvents is forbidden for watch")
            return
        with lock:
            if not streams and int(query.get("resourceVersion", "0")) < oldest:
                gone = True
            else:
                gone = False
                begin = len(events)
                if not streams:
                    while begin and events[begin - 1][0] > int(query["resourceVersion"]):
                        begin -= 1
                first = [event("ADDED", item) for item in objects[plural].values()] if streams else []
                first += [bookmark(plural, True)] if streams else []
        if gone:
            self.refuse(410, "too old resource version")
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        if settings["gzip"]:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            self.tell(plural, first, begin)
        except OSError:
            self.close_connection = True

    def tell(self, plural, first, place):
        packer = zlib.compressobj(wbits=31) if settings["gzip"] else None

        def send(text, ends=False):
            data = text.encode()
            if packer:
                data = packer.compress(data) + packer.flush(zlib.Z_FINISH if ends else zlib.Z_SYNC_FLUSH)
            if data:
                self.drip(b"%x\r\n" % len(data) + data + b"\r\n")
            self.wfile.flush()

        send("".join(first), ends=True)
        if packer:
            packer = zlib.compressobj(wbits=31)
        while True:
            with lock:
                while place == len(events):
                    lock.wait()
                fresh = events[place:]
                place = len(events)
            for _, whose, line in fresh:
                if whose != plural:
                    continue
                if isinstance(line, bool):
                    if line:
                        self.wfile.write(b"0\r\n\r\n")
                    self.wfile.flush()
                    self.close_connection = True
                    return
                send(line)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


def main():
    server = Server((sys.argv[1], int(sys.argv[2])), Handler)
    if len(sys.argv) > 3:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[3], sys.argv[4])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print("serving", flush=True)
    server.serve_forever()


main()
