#pragma once

#include <cstdint>
#include <string>

#include "jobs/attempt.h"
#include "jobs/outcome.h"

namespace remuda {

class WorkerProcess;

// An attempt on its way through the process pool.
struct PoolTask {
  // Why it is to stop; what came first counts for the outcome.
  enum class Stop : uint8_t { kNone, kCancelled, kEvicted };
  // Who has it.
  enum class Place : uint8_t { kQueued, kCommand, kWorker };

  Attempt attempt;
  Stop stop = Stop::kNone;
  bool forced = false;
  Place place = Place::kQueued;
  size_t group = 0;                 // of those that workers run
  WorkerProcess* worker = nullptr;  // while kWorker
  uint64_t worker_task = 0;         // its number there
  uint32_t returns = 0;             // times that a worker died before its turn
  std::string parameters;           // rendered; empty if all tasks share them
  std::string log_path;
};

inline Ending StoppedEnding(const PoolTask& task) {
  return task.stop == PoolTask::Stop::kEvicted ? Ending::kEvicted
                                               : Ending::kCancelled;
}

// A name for files of the attempt, made of numbers alone.
inline std::string FileName(AttemptId id) {
  return std::to_string(id.job.value) + "-" + std::to_string(id.task) + "-" +
         std::to_string(id.fence.value);
}

}  // namespace remuda
