#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/core/agent_core.h"
#include "jobs/ids.h"

namespace remuda {

// What the data folder of an agent holds from one process to the next
// (agent/data_folder.h, agent/spool.h).
//
// Thread: confined to its run.
struct AgentDisk {
  std::string instance;
  uint32_t starts = 0;
  std::string generation;
  std::map<uint64_t, std::string> frames;  // of unconfirmed results

  // As the real spool does, which has one file in most cases: it is emptied
  // when nothing in it is needed any more.
  void Release(uint64_t up_to);

  InheritedResults Inherited() const;
  // Attempts that ended, and whose ends are there.
  std::vector<AttemptId> Ended() const;
};

}  // namespace remuda
