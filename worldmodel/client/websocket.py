"""A WebSocket as a program opens it (RFC 6455), with Python's own library alone.

One thread may use it. Pings are answered while it waits for a message, and pongs are read over.
"""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import ssl
import struct
from contextlib import suppress
from urllib.parse import urlsplit

MOST_BYTES = 256 * 2**20
"""Of a message."""
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CONTINUED, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10
_MOST_HEAD = 64 * 1024


class Closed(ConnectionError):
    """The other side closed the connection, or it broke.

    Attributes:
        said: what a host said that opened no WebSocket; "" otherwise.
    """

    def __init__(self, text: str, said: str = "") -> None:
        super().__init__(text)
        self.said = said


class WebSocket:
    """A connection that is open until `close`."""

    def __init__(self, url: str, timeout: float = 60) -> None:
        """Connect.

        Args:
            url: `ws://` or `wss://`.
            timeout: seconds without a byte until an operation raises TimeoutError.

        Raises:
            OSError: nobody answers.
            Closed: somebody does, and opens no WebSocket.
        """
        parts = urlsplit(url)
        secure = parts.scheme == "wss"
        port = parts.port or (443 if secure else 80)
        self._socket = socket.create_connection((parts.hostname or "", port), timeout)
        self._read = b""
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if secure:
                self._socket = ssl.create_default_context().wrap_socket(self._socket, server_hostname=parts.hostname)
            self._shake(parts.netloc.rpartition("@")[2], f"{parts.path or '/'}{f'?{parts.query}' * bool(parts.query)}")
        except BaseException:
            self._socket.close()
            raise

    def send(self, text: str) -> None:
        """Send a text.

        Raises:
            Closed: nobody is there any more.
        """
        self._send(_TEXT, text.encode())

    def receive(self) -> str | bytes:
        """Wait for the next message.

        Raises:
            Closed: there is none to come.
            TimeoutError: none came in time.
        """
        whole, kind = bytearray(), 0
        while True:
            final, code, data = self._frame()
            if code == _PING:
                self._send(_PONG, data)
            elif code == _CLOSE:
                with suppress(OSError):
                    self._send(_CLOSE, data[:2])
                self._socket.close()
                raise Closed(data[2:].decode(errors="replace") or "the host closed the connection")
            elif code in (_TEXT, _BINARY, _CONTINUED):
                if (code == _CONTINUED) != bool(kind):
                    raise Closed("the host sent a message within another")
                kind = kind or code
                whole += data
                if len(whole) > MOST_BYTES:
                    raise Closed(f"the host sent a message of more than {MOST_BYTES} bytes")
                if final:
                    return whole.decode() if kind == _TEXT else bytes(whole)
            elif code != _PONG:
                raise Closed(f"the host sent a frame of kind {code}, which this knows nothing of")

    def close(self) -> None:
        """Close the connection; nothing that was sent before is lost."""
        with suppress(OSError):
            self._send(_CLOSE, struct.pack(">H", 1000))
            self._socket.settimeout(2)
            while self._frame()[1] != _CLOSE:
                pass
        self._socket.close()

    def _shake(self, host: str, path: str) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        lines = (
            f"GET {path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", "",
        )  # fmt: skip
        self._socket.sendall("\r\n".join(lines).encode("ascii"))
        while b"\r\n\r\n" not in self._read:
            if len(self._read) > _MOST_HEAD:
                raise Closed("the host answered with more than a head")
            self._more()
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        first, *named = head.decode("latin-1").split("\r\n")
        values = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in named)}
        wanted = base64.b64encode(hashlib.sha1(f"{key}{_GUID}".encode()).digest()).decode()
        if first.split(" ")[1:2] != ["101"]:
            said = self._said(values)
            raise Closed(f"the host opened no WebSocket: {first} {said}".strip(), said)
        if values.get("sec-websocket-accept") != wanted:
            raise Closed("the host answered as no WebSocket does")

    def _said(self, values: dict[str, str]) -> str:
        """Return what stands in the body of a refusal."""
        length = values.get("content-length", "")
        if not length.isdecimal() or int(length) > _MOST_HEAD:
            return ""
        with suppress(OSError):
            while len(self._read) < int(length):
                self._more()
        return self._read.decode(errors="replace")

    def _frame(self) -> tuple[bool, int, bytes]:
        first, second = self._take(2)
        length = second & 127
        if length > 125:
            length = int.from_bytes(self._take(2 if length == 126 else 8), "big")
        if second & 128 or first & 112 or length > MOST_BYTES:
            raise Closed("the host sent a frame that this cannot read")
        return bool(first & 128), first & 15, self._take(length)

    def _take(self, count: int) -> bytes:
        if len(self._read) < count:
            pieces, have = [self._read], len(self._read)
            while have < count:
                pieces.append(self._piece(max(4096, count - have)))
                have += len(pieces[-1])
            self._read = b"".join(pieces)
        taken, self._read = self._read[:count], self._read[count:]
        return taken

    def _more(self) -> None:
        self._read += self._piece(4096)

    def _piece(self, most: int) -> bytes:
        try:
            piece = self._socket.recv(min(most, 2**20))
        except TimeoutError:
            raise
        except OSError as error:
            raise Closed(f"the connection broke ({error})") from error
        if not piece:
            raise Closed("the host closed the connection")
        return piece

    def _send(self, code: int, data: bytes) -> None:
        mask = os.urandom(4)
        length = len(data)
        if length < 126:
            head = struct.pack(">BB", 128 | code, 128 | length)
        elif length < 2**16:
            head = struct.pack(">BBH", 128 | code, 254, length)
        else:
            head = struct.pack(">BBQ", 128 | code, 255, length)
        repeated = (mask * (length // 4 + 1))[:length]
        masked = (int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")).to_bytes(length, "big")
        try:
            self._socket.sendall(head + mask + masked)
        except TimeoutError:
            raise
        except OSError as error:
            raise Closed(f"the connection broke ({error})") from error
