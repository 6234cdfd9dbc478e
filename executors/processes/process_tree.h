#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/file_descriptor.h"

namespace remuda {

// One line of the machine's process table.
struct ProcessFacts {
  pid_t pid = 0;
  pid_t parent = 0;
  pid_t session = 0;
  char state = '?';  // 'Z' is a zombie
  uint64_t threads = 0;
  uint64_t start_time = 0;    // ticks since boot; with pid, names it for ever
  uint64_t memory_bytes = 0;  // resident
};

// Empty if there is none of that number.
std::optional<ProcessFacts> ReadProcess(pid_t pid);

// Every process that this one can see. Costs some 10 microseconds each.
std::vector<ProcessFacts> ReadProcesses();

// The direct children of the thread that made it, adopted ones included.
//
// Thread: confined to that one.
class OwnChildren {
 public:
  OwnChildren();

  // Complete, because only the parent can remove a child from this list.
  std::vector<pid_t> Read();

 private:
  const UniqueFd file_;  // kept open; none on a kernel without that file
};

// The value of REMUDA_MARK with which `pid` was started. Empty if it has
// none, has overwritten it, or is gone.
std::string ReadMark(pid_t pid);

// What a tree of processes uses, shared pages counted for each.
struct TreeUse {
  uint64_t memory_bytes = 0;
  uint64_t threads = 0;
};

// Of `root`, everything below it, and what shares the session that it made.
TreeUse UseOfTree(pid_t root, const std::vector<ProcessFacts>& table);

// Threads of all processes on the machine; costs one small file.
uint64_t CountAllThreads();

// Kills `pid` if it is still that process, not a later one of its number.
void KillProcess(const ProcessFacts& process);

// Kills all processes whose mark begins like that, and says how many there
// were.
uint64_t KillMarked(const std::string& mark);

// Kills `roots` and everything below them in `table`.
void KillTrees(const std::vector<pid_t>& roots,
               const std::vector<ProcessFacts>& table);

}  // namespace remuda
