"""An HTTP API with its OpenAPI document: python rooms.py HOST PORT."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Rooms", "version": "1"},
    "paths": {
        "/floors/{floor}/rooms": {
            "get": {
                "operationId": "find_rooms",
                "parameters": [{"name": "floor", "in": "path", "required": True, "schema": {"type": "integer"}}],
                "responses": {"200": {"description": "Free rooms", "content": {"application/json": {}}}},
            }
        }
    },
}


class Rooms(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        floor = self.path.split("/")[2] if self.path.startswith("/floors/") else ""
        answer = {"free": [f"{floor}01", f"{floor}02"]} if floor else DOCUMENT
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    host, port = sys.argv[1:]
    ThreadingHTTPServer((host, int(port)), Rooms).serve_forever()
