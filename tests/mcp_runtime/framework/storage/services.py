"""Stand-ins on loopback of what the remote stores talk to: the few requests they make, answered as documented.

Elasticsearch's document API, DynamoDB's JSON protocol and MongoDB's OP_MSG. They refuse what the real ones refuse:
index names that are none, empty keys, tables that are not there.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import re
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import unquote

import bson

Handler = Callable[[str, str, dict[str, str], bytes], tuple[int, Any, dict[str, str]]]


@contextlib.asynccontextmanager
async def elasticsearch() -> AsyncIterator[str]:
    async with _http(_Elasticsearch().answer) as address:
        yield address


@contextlib.asynccontextmanager
async def dynamodb() -> AsyncIterator[str]:
    async with _http(_DynamoDB().answer) as address:
        yield address


@contextlib.asynccontextmanager
async def mongodb() -> AsyncIterator[str]:
    async with _listening(_MongoDB().serve) as port:
        yield f"mongodb://127.0.0.1:{port}/?directConnection=true"


class _Elasticsearch:
    def __init__(self) -> None:
        self.indices: dict[str, dict[str, Any]] = {}

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any, dict[str, str]]:
        status, found = self.decide(
            method, [unquote(part) for part in path.partition("?")[0].strip("/").split("/")], body
        )
        kind = headers.get("accept", "application/json")
        return status, found, {"x-elastic-product": "Elasticsearch", "content-type": kind}

    def decide(self, method: str, parts: list[str], body: bytes) -> tuple[int, Any]:
        index, *rest = parts
        if index == "":
            return 200, {"version": {"number": "9.1.0", "build_flavor": "default"}, "tagline": "You Know, for Search"}
        if not re.fullmatch(r'[^A-Z\\/*?"<>| ,#:]+', index) or index[0] in "-_+" or len(index.encode()) > 255:
            return 400, {"error": {"type": "invalid_index_name_exception"}, "status": 400}
        if not rest:
            if method == "PUT":
                self.indices.setdefault(index, {})
            return (200, {"acknowledged": True}) if index in self.indices else (404, {})
        if index not in self.indices:
            return 404, {"error": {"type": "index_not_found_exception"}, "status": 404}
        documents = self.indices[index]
        if rest == ["_mget"]:
            asked = [doc["_id"] for doc in json.loads(body)["docs"]]
            return 200, {"docs": [_document(index, one, documents.get(one)) for one in asked]}
        name = rest[1]
        if len(name.encode()) > 512:
            return 400, {"error": {"type": "action_request_validation_exception"}, "status": 400}
        if method == "GET":
            found = _document(index, name, documents.get(name))
            return (200 if found["found"] else 404), found
        if method == "DELETE":
            there = documents.pop(name, None) is not None
            return (200 if there else 404), {"_id": name, "result": "deleted" if there else "not_found"}
        created = name not in documents
        documents[name] = json.loads(body)
        return 201, {"_id": name, "result": "created" if created else "updated"}


def _document(index: str, name: str, source: Any) -> dict[str, Any]:
    return {"_index": index, "_id": name, "found": source is not None} | ({} if source is None else {"_source": source})


class _DynamoDB:
    def __init__(self) -> None:
        self.tables: dict[str, dict[tuple[str, str], Any]] = {}

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any, dict[str, str]]:
        said = json.loads(body)
        status, found = self.decide(headers["x-amz-target"].partition(".")[2], said)
        return status, found, {"content-type": "application/x-amz-json-1.0"}

    def decide(self, action: str, said: dict[str, Any]) -> tuple[int, Any]:
        table = said["TableName"]
        if action == "CreateTable":
            self.tables[table] = {}
        if table not in self.tables:
            return 400, {"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", "message": "not found"}
        items = self.tables[table]
        match action:
            case "CreateTable":
                return 200, {"TableDescription": {"TableName": table, "TableStatus": "CREATING"}}
            case "DescribeTable":
                return 200, {"Table": {"TableName": table, "TableStatus": "ACTIVE"}}
            case "DescribeTimeToLive":
                return 200, {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}
            case "UpdateTimeToLive":
                return 200, {"TimeToLiveSpecification": said["TimeToLiveSpecification"]}
        key = said.get("Key") or said["Item"]
        place = (key["collection"]["S"], key["key"]["S"])
        if "" in place:
            return 400, {"__type": "com.amazon.coral.validate#ValidationException", "message": "empty key"}
        match action:
            case "GetItem":
                return 200, {"Item": items[place]} if place in items else {}
            case "PutItem":
                items[place] = said["Item"]
                return 200, {}
            case _:
                old = items.pop(place, None)
                return 200, {} if old is None else {"Attributes": old}


class _MongoDB:
    """Commands in OP_MSG, one document section."""

    def __init__(self) -> None:
        self.collections: dict[str, dict[str, Any]] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while header := await reader.read(4):
            rest = await reader.readexactly(struct.unpack("<i", header)[0] - 4)
            request_id, _, opcode = struct.unpack_from("<iii", rest)
            payload = rest[12:]
            old = opcode == 2004  # OP_QUERY: only ever a handshake
            command = self._command(payload, old=old)
            answer = bson.encode({**self.decide(command), "ok": 1.0})
            if old:
                message, kind = struct.pack("<iqii", 8, 0, 0, 1) + answer, 1
            else:
                message, kind = struct.pack("<iB", 0, 0) + answer, 2013
            writer.write(struct.pack("<iiii", len(message) + 16, 0, request_id, kind) + message)
            await writer.drain()

    @staticmethod
    def _command(payload: bytes, *, old: bool) -> dict[str, Any]:
        if old:
            return dict(bson.decode(payload[payload.index(b"\0", 4) + 9 :]))
        command: dict[str, Any] = {}
        at = 4
        while at < len(payload):
            kind = payload[at]
            size = struct.unpack_from("<i", payload, at + 1)[0]
            section = payload[at + 1 : at + 1 + size]
            if kind == 0:
                command |= bson.decode(section)
            else:  # a sequence of documents, by name
                name, _, documents = section[4:].partition(b"\0")
                command[name.decode()] = bson.decode_all(documents)
            at += 1 + size
        return command

    def decide(self, command: dict[str, Any]) -> dict[str, Any]:
        name = next(iter(command))
        documents = self.collections.get(str(command[name]), {})
        match name:
            case "hello" | "ismaster" | "isMaster":
                limits = {"maxBsonObjectSize": 2**24, "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000}
                return {
                    "isWritablePrimary": True,
                    "ismaster": True,
                    "minWireVersion": 0,
                    "maxWireVersion": 21,
                    **limits,
                }
            case "listCollections":
                wanted = command.get("filter", {}).get("name")
                batch = [{"name": each, "type": "collection"} for each in self.collections if wanted in (None, each)]
                return {"cursor": {"id": 0, "ns": "db.$cmd.listCollections", "firstBatch": batch}}
            case "create":
                self.collections[command["create"]] = {}
            case "find":
                asked = command["filter"]["key"]
                keys = asked["$in"] if isinstance(asked, dict) else [asked]
                batch = [documents[key] for key in keys if key in documents]
                return {"cursor": {"id": 0, "ns": f"db.{command['find']}", "firstBatch": batch}}
            case "update":
                for update in command["updates"]:
                    documents[update["q"]["key"]] = {"_id": bson.ObjectId(), **update["u"]["$set"]}
                return {"n": len(command["updates"]), "nModified": 0}
            case "delete":
                gone = [documents.pop(delete["q"]["key"], None) for delete in command["deletes"]]
                return {"n": sum(each is not None for each in gone)}
        return {}


@contextlib.asynccontextmanager
async def _http(handler: Handler) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while first := await reader.readline():
            method, path, _ = first.decode().split(" ")
            headers = {}
            while (line := (await reader.readline()).decode().strip()) != "":
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            if headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            status, found, more = handler(method, path, headers, body)
            data = b"" if method == "HEAD" else json.dumps(found).encode()
            lines = [f"HTTP/1.1 {status} X", f"content-length: {len(data)}", *(f"{k}: {v}" for k, v in more.items())]
            writer.write("\r\n".join([*lines, "", ""]).encode() + data)
            await writer.drain()

    async with _listening(serve) as port:
        yield f"http://127.0.0.1:{port}"


@contextlib.asynccontextmanager
async def _listening(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    tasks: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await serve(reader, writer)
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
