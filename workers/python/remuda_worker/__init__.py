"""The Python worker of Remuda; docs/WORKER_PROTOCOL.md has what it speaks."""
