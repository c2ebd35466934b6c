"""The way into an interactive program: passes connections on, and ends when its time is over or nobody uses it."""

import asyncio
import contextlib
import os
import signal
import sys
import time

PIECE = 1 << 16
LOOK = 1.0  # seconds between two looks at the clocks and the program
PATIENCE = 600.0  # seconds in which the program must have begun to listen
SETTINGS = os.environ


def say(text: str) -> None:
    print(f"gateway: {text}", flush=True)


class Gateway:
    """One pod's. Ports are `name=port` of the program, which listens on the pod's own loopback."""

    def __init__(self) -> None:
        pairs = (item.split("=") for item in SETTINGS["GATEWAY_PORTS"].split())
        self.ports = {name: int(port) for name, port in pairs}
        cluster = SETTINGS.get("KUBERNETES_SERVICE_HOST")  # in every pod; nowhere else others are let in
        everywhere = "::" if cluster and ":" in cluster else "0.0.0.0"  # noqa: S104
        self.host = everywhere if cluster and SETTINGS.get("GATEWAY_OPEN") == "true" else "127.0.0.1"
        self.first = int(SETTINGS.get("GATEWAY_FIRST") or 8765)
        self.lifetime = float(SETTINGS.get("GATEWAY_LIFETIME") or 0)
        self.idle = float(SETTINGS.get("GATEWAY_IDLE") or 0)
        self.exit_code = SETTINGS["GATEWAY_EXIT_CODE"]  # the file that gets the program's exit code when it ends
        self.used = time.monotonic()
        self.ended = asyncio.Event()

    async def run(self) -> int:
        """Serve until the end; the exit code."""
        begun = time.monotonic()
        while not await self.listening():
            if (code := self.program_ended()) is not None:
                say(f"the program ended with exit code {code} before it took connections")
                return 0 if code else 1  # Argo looks at the program's exit code, too
            if time.monotonic() - begun > PATIENCE:
                say("the program does not listen")
                return 1
            if await self.over(LOOK / 4):
                return 143
        servers = []
        for number, (name, port) in enumerate(self.ports.items()):
            server = await self.serve(port, self.first + number)
            servers.append(server)
            say(f"{name} at {server.sockets[0].getsockname()[1]}")
        begun = self.used = time.monotonic()
        while not await self.over(LOOK):
            now = time.monotonic()
            if self.lifetime and now - begun > self.lifetime:
                say(f"the lifetime of {self.lifetime:.0f} s is over")
                return 0
            if self.idle and now - self.used > self.idle:
                say(f"nobody has used it for {self.idle:.0f} s")
                return 0
            if self.program_ended() is not None:
                say("the program has ended")  # Argo looks at its exit code
                return 0
        return 143

    async def over(self, seconds: float) -> bool:
        """Whether it is told to end, within so many seconds."""
        try:
            await asyncio.wait_for(self.ended.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def program_ended(self) -> int | None:
        """The program's exit code; None while it runs."""
        try:
            with open(self.exit_code, encoding="ascii") as file:
                return int(file.read())
        except (OSError, ValueError):  # not there, or not yet written
            return None

    async def listening(self) -> bool:
        """Whether the program takes connections, at all of its ports."""
        for port in self.ports.values():
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                return False
            writer.close()
        return True

    async def serve(self, port: int, wanted: int) -> asyncio.Server:
        """A server for one of the program's ports; where the wanted one is taken, at any that is free."""

        async def passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self.connect(port, reader, writer)

        try:
            return await asyncio.start_server(passed, self.host, wanted)
        except OSError:
            return await asyncio.start_server(passed, self.host, 0)

    async def connect(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.used = time.monotonic()
        try:
            inner, outer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        with contextlib.suppress(asyncio.CancelledError):  # it ends, and its loop with it
            await asyncio.gather(self.pump(reader, outer), self.pump(inner, writer))
        outer.close()
        writer.close()

    async def pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        """Pass bytes on, one way, until there are no more; the other way may go on, unless the connection broke."""
        try:
            while data := await source.read(PIECE):
                self.used = time.monotonic()
                target.write(data)
                await target.drain()
            target.write_eof()
        except OSError:
            target.close()


async def main() -> int:
    gateway = Gateway()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, gateway.ended.set)
    return await gateway.run()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
