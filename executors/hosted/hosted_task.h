#pragma once

#include <cstdint>
#include <string>

#include "jobs/attempt.h"
#include "jobs/outcome.h"

namespace remuda {

class HostedWorker;

// An attempt on its way through a hosted executor.
struct HostedTask {
  // Why it is to stop; what came first counts for the outcome.
  enum class Stop : uint8_t { kNone, kCancelled, kEvicted };

  Attempt attempt;
  Stop stop = Stop::kNone;
  bool forced = false;
  bool suspect = false;  // may have ended a worker, so it runs alone
  uint32_t returns = 0;  // times that its worker died for another's fault
  size_t group = 0;
  HostedWorker* worker = nullptr;
  uint64_t number = 0;     // its number there
  std::string parameters;  // rendered; empty if all tasks share them
  std::string log_path;
};

inline Ending StoppedEnding(const HostedTask& task) {
  return task.stop == HostedTask::Stop::kEvicted ? Ending::kEvicted
                                                 : Ending::kCancelled;
}

}  // namespace remuda
