#pragma once

#include <string>

namespace remuda {

// A zygote of the native worker (docs/WORKER_PROTOCOL.md, "Zygotes"): forks
// workers for the spawner that has started this process, until that closes
// the socket. `words` is the value of kZygoteVariable. Returns in each worker
// and nowhere else.
//
// Thread: the only one; where a library has started others it ends at once,
// and workers are started without it.
void ServeForks(const std::string& words);

}  // namespace remuda
