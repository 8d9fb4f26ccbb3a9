"""A server that takes calls and then misbehaves: for shadows, and for upstreams that break.

    python -m tests.e2e.backends.awkward PORT hang|garbage|reset|deaf

`hang` speaks HTTP/2 and never answers a call; `garbage` answers each with bytes that are no HTTP/2 at all;
`reset` closes the connection as soon as a call has arrived; `deaf` greets, and from the first call on it neither
reads nor says anything, not even to a PING: to its peer, a machine that is gone.
"""

import asyncio
import contextlib
import sys

import h2.config
import h2.connection
import h2.events


async def serve(port: int, manner: str) -> None:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        connection.initiate_connection()
        writer.write(connection.data_to_send())
        while data := await reader.read(65_536):
            events = connection.receive_data(data)
            writer.write(connection.data_to_send())
            if manner != "hang" and any(isinstance(event, h2.events.RequestReceived) for event in events):
                if manner == "deaf":
                    await asyncio.Event().wait()
                if manner == "garbage":
                    writer.write(b"\xff\xfe this is no frame \x00" * 50)
                    await writer.drain()
                break
        writer.close()

    async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await client(reader, writer)

    server = await asyncio.start_server(quietly, "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2]))
