"""A legacy application: it answers, in chunks, with what it was asked."""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Legacy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        whole = b""
        while size := int(self.rfile.readline(), 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return whole

    def answer(self):
        told = {
            "method": self.command,
            "target": self.path,
            "headers": [[name.lower(), value] for name, value in self.headers.items()],
            "body": self.body().decode("latin-1"),
            "process": os.getpid(),
        }
        if self.path.endswith("/hang"):
            print("hanging", flush=True)
            threading.Event().wait()
        self.send_response(int(self.headers.get("X-Answer") or 200))
        self.send_header("Content-Type", "application/vnd.legacy+json")
        self.send_header("ETag", '"legacy"')
        self.send_header("Set-Cookie", "a=1; Path=/")
        self.send_header("Set-Cookie", "b=2; Path=/")
        self.send_header("X-Secret", "for the next hop alone")
        self.send_header("Connection", "X-Secret")
        self.send_header("Keep-Alive", "timeout=9")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if self.command == "HEAD":
            return
        text = json.dumps(told).encode()
        half = len(text) // 2
        for piece in text[:half], text[half:], b"":
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

    def log_message(self, format, *arguments):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Legacy)
server.daemon_threads = True
print("listening on", server.server_address[1], flush=True)
server.serve_forever()
