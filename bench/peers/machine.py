"""The machine as it is, for the head of a report."""

import os
import pathlib
import platform


def load():
    return round(os.getloadavg()[0], 1)


def facts():
    processor = platform.machine()
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            processor = line.split(":", 1)[1].strip()
            break
    for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemTotal"):
            memory = round(int(line.split()[1]) / 2**20)
            break
    system = "unknown system"
    for line in pathlib.Path("/etc/os-release").read_text().splitlines():
        if line.startswith("PRETTY_NAME="):
            system = line.split("=", 1)[1].strip('"')
    return {"processor": processor, "cores": os.cpu_count(),
            "memory_gib": memory, "kernel": f"Linux {platform.release()}",
            "system": system}
