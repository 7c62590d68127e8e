#!/usr/bin/env python3
"""Journal proxy, part 4: stands in front of the AWS stand-in, writes down every call and injects faults. Stdlib only.

usage: proxy.py --port PORT --upstream HOST:PORT [--host ADDRESS]
It knows nothing of how the stand-in works, and so is a witness that the stand-in cannot fool. It never sends a request
twice: a call the stand-in dropped is a broken connection for the caller too. The control interface is in README.md.
"""
import argparse
import asyncio
import json
import socket
import struct
import time
import urllib.parse

import faults
import wire
from faults import Faults
from journal import Journal

LIMIT = 1 << 22
IDLE = 50           # seconds; the stand-in closes an idle connection after 75
LOST = (asyncio.IncompleteReadError, ConnectionError, OSError)


class Upstream:
    """A pool of kept-alive connections."""
    def __init__(self, host, port):
        self.host, self.port, self._idle = host, port, []

    async def ask(self, message):
        while self._idle:
            reader, writer, since = self._idle.pop()
            if time.monotonic() - since < IDLE and not reader.at_eof() and not writer.is_closing():
                break
            writer.close()
        else:
            reader, writer = await asyncio.open_connection(self.host, self.port, limit=LIMIT)
        done = False
        try:
            writer.write(message.raw)
            reply = await wire.read(reader, bodyless=message.first[0] == "HEAD")
            done = reply.headers.get("connection", "").lower() != "close"
            return reply
        finally:
            if done:
                self._idle.append((reader, writer, time.monotonic()))
            else:
                writer.close()      # also when cancelled half way: what would come next is not ours


class Proxy:
    def __init__(self, upstream):
        self.upstream, self.faults, self.journal = upstream, Faults(), Journal()

    async def client(self, reader, writer):
        try:
            while True:
                message = await wire.read(reader)
                path = message.first[1]
                if path.startswith(("/_journal", "/_faults")):
                    writer.write(self.control(message))
                elif path.startswith("/_emu/"):         # the stand-in's own controls: no AWS call, not journaled
                    writer.write((await self.upstream.ask(message)).raw)
                elif not await self.call(message, reader, writer):
                    return
                await writer.drain()
                if message.headers.get("connection", "").lower() == "close":
                    return
        except LOST:
            pass
        except (ValueError, IndexError, asyncio.LimitOverrunError):
            writer.write(wire.answer(400, b"not HTTP as this proxy knows it\n", "text/plain"))
        finally:
            writer.close()

    async def call(self, message, reader, writer):
        """One AWS call; False when the connection is to end."""
        start, call = time.time(), wire.Call(message)
        account = self.journal.account(call)
        rule = self.faults.pick(account, call)
        self.journal.begin(account)
        try:
            return await self._call(message, reader, writer, start, call, account, rule.kind if rule else None, rule.spec if rule else {})
        finally:
            self.journal.finish(account)

    async def _call(self, message, reader, writer, start, call, account, kind, spec):
        def note(**result):
            return self.journal.add(call, account, start, time.time(), fault=kind, **result)

        faked = {"throttle": faults.throttled, "error": faults.error}.get(kind)
        if faked:
            raw = faked(call, spec)
            head = wire.Message(*raw.split(b"\r\n\r\n", 1))
            note(faked=(int(head.first[1]), wire.error_code(head, wire.parse_json(head.body))))
            writer.write(raw)
            return True
        if kind in ("garbage", "failed_entry"):
            writer.write(faults.garbage(call) if kind == "garbage" else faults.failed_entries(call, spec))
            note(faked=(200, None))
            return True
        if kind == "reset":
            note()
            return self._reset(writer)
        if kind == "hang":
            return await self._hang(note(), reader)
        if kind == "latency":
            await asyncio.sleep(spec.get("ms", 500) / 1000)
        if kind == "page_size":
            message = faults.one_per_page(call, message)
        try:
            reply = await self.upstream.ask(message)
        except LOST:
            note(faked=(None, "UpstreamLost"))
            return self._reset(writer)
        entry = note(message=reply)
        if kind == "applied_reset":
            return self._reset(writer)
        if kind == "applied_hang":
            return await self._hang(entry, reader)
        writer.write(reply.raw)
        return True

    @staticmethod
    async def _hang(entry, reader):
        """Nothing more is answered on this connection; the call ends when the caller goes."""
        entry["end"] = None
        while await reader.read(1 << 16):
            pass
        entry["end"] = time.time()
        return False

    @staticmethod
    def _reset(writer):
        """RST, not FIN: the caller learns nothing of what became of its call."""
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        return False

    def control(self, message):
        url = urllib.parse.urlsplit(message.first[1])
        query = {k: v[-1] for k, v in urllib.parse.parse_qs(url.query).items()}
        verb = (message.first[0], url.path)
        try:
            if verb == ("GET", "/_journal"):
                return self._reply(self.journal.read(int(query.get("since", 0)), query.get("account"), query.get("match")))
            if verb == ("GET", "/_faults"):
                return self._reply({"rules": self.faults.report(query.get("account"))})
            if verb == ("POST", "/_faults"):
                wish = json.loads(message.body)
                self.faults.replace(wish.get("account", "*"), wish["rules"], query.get("seed", wish.get("seed")))
                return self._reply({"rules": self.faults.report(wish.get("account", "*"))})
            if verb == ("DELETE", "/_faults"):
                self.faults.clear(query.get("account"))
                return self._reply({"rules": self.faults.report()})
        except (ValueError, KeyError, TypeError) as wrong:
            return self._reply({"error": f"{type(wrong).__name__}: {wrong}"}, 400)
        return self._reply({"error": f"no {' '.join(verb)} here"}, 404)

    @staticmethod
    def _reply(value, status=200):
        return wire.answer(status, json.dumps(value, default=str).encode())


async def serve(listen, port, upstream):
    host, _, upstream_port = upstream.rpartition(":")
    proxy = Proxy(Upstream(host, int(upstream_port)))
    server = await asyncio.start_server(proxy.client, listen, port, limit=LIMIT, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--upstream", required=True)
    arguments.add_argument("--host", default="127.0.0.1")
    chosen = arguments.parse_args()
    try:
        asyncio.run(serve(chosen.host, chosen.port, chosen.upstream))
    except KeyboardInterrupt:
        pass
