#pragma once

#include <string>
#include <vector>

namespace remuda {

// The sub-command `remuda worker FD [--plugin PATH]...`: a process that runs
// the blocking handlers which ship with Remuda and what the plugins add, in
// the mode that the pool at the other end of the socket `fd` asks for.
// docs/WORKER_PROTOCOL.md says what they say. Returns the exit code of a
// worker that cannot begin; one that can ends the process.
//
// Thread: calls it first thing in main(), before any other thread exists.
int WorkerMain(int fd, const std::vector<std::string>& plugins = {});

}  // namespace remuda
