"""A thousand consumers follow a run at the same time: the memory that this takes."""

from __future__ import annotations

import asyncio
import re
import resource
from pathlib import Path

from tests.argo.serve.workflow_api.serving import Served, write_assets

STREAMS, LIMIT = 1000, 400 << 10  # KiB


def test_a_thousand_streams_are_told_and_take_little(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 6 * STREAMS:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 6 * STREAMS), hard))
    write_assets(tmp_path / "assets")
    answering = Served(tmp_path, arguments=("assets", "--no-work"))
    working = Served(tmp_path, arguments=("assets",))
    try:
        token = answering.start().consumer("a")
        run = answering.client(token).post("/v1/runs", json={"asset": "echo"}).json()["id"]
        asyncio.run(_follow(answering, working, token, run))
        assert answering.process is not None
        status = Path(f"/proc/{answering.process.pid}/status").read_text()
        peak = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert peak is not None
        assert int(peak[1]) < LIMIT
    finally:
        answering.close()
        working.close()


async def _follow(answering: Served, working: Served, token: str, run: str) -> None:
    """Every stream sees the run wait, then end."""
    waiting = asyncio.Semaphore(0)

    async def one() -> list[str]:
        reader, writer = await asyncio.open_connection("127.0.0.1", answering.port)
        head = f"GET /v1/runs/{run}/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
        writer.write(head.encode())
        states: list[str] = []
        while not states or states[-1] not in ("succeeded", "failed", "canceled"):
            line = await reader.readline()
            assert line, "the stream ended before the run"
            if found := re.search(rb'^data: .*"state": "(\w+)"', line):
                states.append(found[1].decode())
                if len(states) == 1:
                    waiting.release()
        writer.close()
        return states

    streams = [asyncio.create_task(one()) for _ in range(STREAMS)]
    for _ in range(STREAMS):
        await waiting.acquire()
    await asyncio.to_thread(working.start)
    for states in await asyncio.gather(*streams):
        assert (states[0], states[-1]) == ("pending", "succeeded")
