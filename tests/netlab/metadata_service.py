"""The metadata service of Tencent's cloud: tells a VM what it is."""

from __future__ import annotations

import asyncio

from addresses import CLIENT_MAC, METADATA
from cos_answers import Request
from scenario import Scenario
from web_server import start_stalling


async def start_metadata(scenario: Scenario) -> None:
    """Listen, unless the service's behaviour is `none`. One that hangs accepts connections and says nothing."""
    if scenario.metadata == "hang":
        await start_stalling(80, METADATA)
    elif scenario.metadata == "ok":
        service = _MetadataService(_values(scenario))
        await asyncio.start_server(service.serve, METADATA, 80)


def _values(scenario: Scenario) -> dict[str, str]:
    """What the service knows, by path."""
    interface = f"network/interfaces/macs/{CLIENT_MAC}"
    values = {
        "instance-id": "ins-lab00001",
        "placement/region": scenario.vm_region,
        "placement/zone": f"{scenario.vm_region}-3",
        "local-ipv4": scenario.plan.client.split("/")[0],
        "mac": CLIENT_MAC,
        "app-id": "1250000000",
        f"{interface}/vpc-id": "vpc-lab00001",
        f"{interface}/subnet-id": "subnet-lab00001",
    }
    if scenario.vm_public_ip:
        values["public-ipv4"] = scenario.vm_public_ip
    return {f"/latest/meta-data/{name}": value for name, value in values.items()}


class _MetadataService:
    def __init__(self, values: dict[str, str]) -> None:
        self.values = values

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._answer(Request.parse(head.decode("latin-1"))))
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, OSError):
            pass
        finally:
            writer.close()

    def _answer(self, request: Request) -> bytes:
        value = self.values.get(request.path)
        status, body = ("404 Not Found", "not found\n") if value is None else ("200 OK", value)
        head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
        return (head + ("" if request.method == "HEAD" else body)).encode()
