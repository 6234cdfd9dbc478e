"""The channel to the agent, and the memory shared with it."""

import json
import mmap
import os
import struct
import threading

import _socket  # the socket module costs a worker's start some milliseconds

FRAME_BYTES_MAX = 64 << 20
READ_BYTES = 256 << 10

_encode = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, separators=(",", ":")
).encode
_LENGTH = struct.Struct(">I")


def frame(message):
    body = _encode(message).encode("utf-8", "backslashreplace")
    return _LENGTH.pack(len(body)) + body


class Channel:
    """Frames of JSON, both ways.

    Thread: send() from any; receive() from one.
    """

    def __init__(self, fd):
        os.set_inheritable(fd, False)
        self.socket = _socket.socket(fileno=fd)
        self.fd = fd
        self.lock = threading.Lock()
        self.received = bytearray()

    def send(self, messages):
        data = b"".join([frame(message) for message in messages])
        with self.lock:
            try:
                self.socket.sendall(data)
            except (BrokenPipeError, ConnectionResetError):
                os._exit(0)  # the agent is gone, and nobody wants the results

    def send_last(self, messages, patience):
        """From a thread, when the one that usually sends may never go on."""
        data = b"".join([frame(message) for message in messages])
        if self.lock.acquire(timeout=patience):
            self.socket.sendall(data)

    def receive(self, wait):
        """The messages that have arrived; waits for some data if told to."""
        try:
            data = self.socket.recv(READ_BYTES, 0 if wait else _socket.MSG_DONTWAIT)
        except BlockingIOError:
            return []
        except ConnectionResetError:
            data = b""
        if not data:
            os._exit(0)
        received = self.received
        received += data
        messages = []
        at = 0
        while len(received) - at >= 4:
            (size,) = _LENGTH.unpack_from(received, at)
            if size > FRAME_BYTES_MAX:
                raise RuntimeError(f"a message of {size} bytes")
            if len(received) - at - 4 < size:
                break
            messages.append(json.loads(bytes(received[at + 4 : at + 4 + size])))
            at += 4 + size
        del received[:at]
        return messages


class Cell:
    """What runs, for the agent to see; and what must not begin."""

    def __init__(self, fd):
        os.set_inheritable(fd, False)
        self.numbers = memoryview(mmap.mmap(fd, 64)).cast("Q")
        self.fence = threading.Lock()

    def begin(self, number):
        numbers = self.numbers
        numbers[0] = number
        # Taking a lock is a full barrier: the write above is seen before the
        # reads below are made.
        with self.fence:
            first, end = numbers[1], numbers[2]
        return not first <= number < end

    def rest(self):
        self.numbers[0] = 0
