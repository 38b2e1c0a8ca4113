"""A web server that stands in for COS, well enough for HEAD and GET, and that can misbehave."""

from __future__ import annotations

import asyncio
import email.utils
import socket
import ssl
import struct
import time

from cos_answers import Answer, Request, cos_answer

LONGEST_CONNECTION_S = 60


class WebServer:
    """Answers as COS does (see cos_answers), unless its behaviour says otherwise.

    Behaviours: ok, drip, reset, stall, big-headers, 503, not-cos, portal.
    """

    def __init__(self, behaviour: str = "ok", date_offset_s: int = 0) -> None:
        self.behaviour = behaviour
        self.date_offset_s = date_offset_s

    async def start(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        await asyncio.start_server(self._serve, None, port, ssl=tls, backlog=512)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await asyncio.wait_for(self._exchange(reader, writer), LONGEST_CONNECTION_S)
        except (asyncio.TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            pass
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            first = await reader.readexactly(1)
            if not first.isalpha():  # not HTTP, a TLS ClientHello perhaps
                writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
                return
            head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            answer = self._answer(Request.parse(head))
            if self.behaviour == "stall":
                await asyncio.sleep(LONGEST_CONNECTION_S)
            elif self.behaviour == "drip":
                await _drip(writer, answer)
            elif self.behaviour == "reset":
                await _send_half_and_reset(writer, answer)
                return
            else:
                writer.write(answer)
                await writer.drain()

    def _answer(self, request: Request) -> bytes:
        now = time.time() + self.date_offset_s
        if self.behaviour == "portal":
            answer = Answer("302 Found", ["Server: portal", "Location: http://portal.lab.test/login"])
        elif self.behaviour == "not-cos":
            headers = ["Server: nginx", "Content-Type: text/html"]
            answer = Answer("200 OK", headers, b"<html>It works</html>")
        else:
            answer = cos_answer(request, now, overloaded=self.behaviour == "503")
        headers = [
            f"HTTP/1.1 {answer.status}",
            f"Date: {email.utils.formatdate(now, usegmt=True)}",
            "Connection: keep-alive",
            *answer.headers,
            f"Content-Length: {len(answer.body)}",
        ]
        if self.behaviour == "big-headers":
            headers += [f"x-cos-meta-{i}: {'v' * 1000}" for i in range(256)]
        body = b"" if request.method == "HEAD" else answer.body
        return "\r\n".join([*headers, "", ""]).encode() + body


async def _drip(writer: asyncio.StreamWriter, answer: bytes) -> None:
    for byte in answer:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.2)


async def _send_half_and_reset(writer: asyncio.StreamWriter, answer: bytes) -> None:
    writer.write(answer[: len(answer) // 2])
    await writer.drain()
    await asyncio.sleep(0.05)  # or the RST overtakes the data in the client's kernel
    linger_off = struct.pack("ii", 1, 0)  # closing then sends RST
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_off)
    writer.transport.abort()


async def start_stalling(port: int, address: str | None = None) -> None:
    """Accept connections and stay silent."""

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4096):
            pass
        writer.close()

    await asyncio.start_server(hold, address, port)
