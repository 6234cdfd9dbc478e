"""What tasks write to standard output and error, kept apart for each."""

import io
import os
import sys

from .task import current

LOG_BYTES_INLINE = 64 << 10  # more of one stream goes into a file
LOG_BYTES_MAX = 16 << 20


class FileOutput:
    """For one task at a time: everything that reaches descriptors 1 and 2.

    Both are files that the agent made; they are emptied after each task.
    """

    def __init__(self, log_folder):
        self.log_folder = log_folder
        # os.dup() makes descriptors that programs which tasks start do not get.
        self.streams = [
            (1, "stdout", os.dup(1), os.fstat(1).st_ino, sys.stdout),
            (2, "stderr", os.dup(2), os.fstat(2).st_ino, sys.stderr),
        ]

    def take(self, number):
        """Log messages for what was written since the last call."""
        messages = []
        for fd, name, kept, inode, stream in self.streams:
            now = getattr(sys, name, None)
            try:
                if now is not stream and now is not None:
                    now.flush()
                stream.flush()
            except (AttributeError, ValueError, OSError):
                pass  # the task replaced or closed it
            setattr(sys, name, stream)
            try:
                facts = os.fstat(fd)
            except OSError:
                facts = None
            if facts is None or facts.st_ino != inode:
                os.dup2(kept, fd)  # the task closed or redirected it
                facts = os.fstat(kept)
            if facts.st_size > 0:
                messages.append(self.message(number, name, kept, facts.st_size))
                os.ftruncate(kept, 0)
        return messages

    def message(self, number, name, kept, size):
        message = {"type": "log", "id": str(number), "stream": name, "bytes": size}
        if size <= LOG_BYTES_INLINE:
            text = os.pread(kept, size, 0).decode("utf-8", "replace")
            message["text"] = text
            return message
        file = file_name(number, name)
        path = os.path.join(self.log_folder, file)
        try:
            self.copy(kept, size, path)
            message["file"] = file
        except OSError as error:  # the disk is full
            try:
                os.unlink(path)
            except OSError:
                pass
            text = os.pread(kept, LOG_BYTES_INLINE, 0).decode("utf-8", "replace")
            missing = size - LOG_BYTES_INLINE
            message["text"] = f"{text}\n[... {missing} bytes not kept: {error} ...]\n"
        return message

    @staticmethod
    def copy(kept, size, path):
        with open(path, "wb") as out:
            at = 0
            while at < min(size, LOG_BYTES_MAX):
                piece = os.pread(kept, min(1 << 20, LOG_BYTES_MAX - at), at)
                if not piece:
                    break
                out.write(piece)
                at += len(piece)


def file_name(number, stream):
    return f"worker-{os.getpid()}-{number}-{stream}"


class Kept:
    """What one task wrote to one stream."""

    __slots__ = ("path", "pieces", "size", "file", "error")

    def __init__(self, path):
        self.path = path  # of the file that it goes into when it is much
        self.pieces = []
        self.size = 0  # of all that was written
        self.file = None
        self.error = None

    def add(self, data):
        before = self.size
        self.size = size = before + len(data)
        if size <= LOG_BYTES_INLINE:
            self.pieces.append(data)
        elif before < LOG_BYTES_MAX and self.error is None:
            self.add_to_file(data[: LOG_BYTES_MAX - before])

    def add_to_file(self, data):
        try:
            if self.file is None:
                self.file = open(self.path, "wb")
                self.file.write(b"".join(self.pieces))
            self.file.write(data)
        except OSError as error:  # the disk is full
            self.error = error

    def message(self, number, name):
        message = {
            "type": "log",
            "id": str(number),
            "stream": name,
            "bytes": self.size,
        }
        if self.file is not None:
            try:
                self.file.close()
                if self.error is None:
                    message["file"] = os.path.basename(self.path)
                    return message
            except OSError as error:
                self.error = error
        text = b"".join(self.pieces).decode("utf-8", "replace")
        if self.error is not None:
            text += f"\n[... more was not kept: {self.error} ...]\n"
        message["text"] = text
        return message


class TaskStream(io.TextIOBase):
    """In place of sys.stdout or sys.stderr where tasks run side by side.

    What is written while a task's code runs is that task's. What is written
    by none, or by C code to the descriptor itself, goes to the worker's own
    file.
    """

    def __init__(self, name, real, log_folder):
        self.stream_name = name
        self.real = real
        self.log_folder = log_folder
        self.buffer = TaskBytes(self)

    encoding = "utf-8"
    errors = "backslashreplace"
    newlines = None

    def writable(self):
        return True

    def isatty(self):
        return False

    def fileno(self):
        return self.real.fileno()

    def flush(self):
        if current.get() is None:
            self.real.flush()

    def close(self):
        pass  # others write on

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() takes text, not {type(text).__name__}")
        task = current.get()
        if task is None or task.ended:
            self.real.write(text)
        else:
            self.keep(task, text.encode("utf-8", "backslashreplace"))
        return len(text)

    def keep(self, task, data):
        name = self.stream_name
        streams = task.streams
        if streams is None:
            streams = task.streams = {}
        kept = streams.get(name)
        if kept is None:
            path = os.path.join(self.log_folder, file_name(task.number, name))
            kept = streams[name] = Kept(path)
        kept.add(data)


class TaskBytes(io.RawIOBase):
    """sys.stdout.buffer, for those who write bytes."""

    def __init__(self, text):
        self.text = text

    def writable(self):
        return True

    def fileno(self):
        return self.text.fileno()

    def flush(self):
        pass

    def close(self):
        pass

    def write(self, data):
        task = current.get()
        data = bytes(data)
        if task is None or task.ended:
            self.text.real.flush()
            self.text.real.buffer.write(data)
        else:
            self.text.keep(task, data)
        return len(data)


def install(log_folder):
    sys.stdout = TaskStream("stdout", sys.stdout, log_folder)
    sys.stderr = TaskStream("stderr", sys.stderr, log_folder)


def logs_of(task):
    """Log messages for what the task wrote; its streams begin anew."""
    if task.streams is None:
        return []
    streams, task.streams = task.streams, None
    return [kept.message(task.number, name) for name, kept in sorted(streams.items())]
