#pragma once

#include <string>
#include <vector>

namespace remuda {

// The sub-command `remuda worker FD [--plugin PATH]...`: a process that runs
// the blocking handlers which ship with Remuda and those of the plugins, one
// task at a time, for the process pool at the other end of the socket `fd`.
// docs/WORKER_PROTOCOL.md says what they say. Returns the exit code, when the
// pool has closed the socket or told it to end.
//
// Thread: calls it first thing in main(), before any other thread exists.
int WorkerMain(int fd, const std::vector<std::string>& plugins = {});

}  // namespace remuda
