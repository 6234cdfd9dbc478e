#pragma once

#include <cstdint>
#include <string>

#include "jobs/ids.h"
#include "jobs/states.h"
#include "jobs/verdict/evidence.h"

namespace remuda {

// What is known of one kind of work, or of one job of it, on agents of one
// size; with the newest job of it, whose spec says what it may be moved to.
struct StoredEvidence {
  bool of_job = false;   // of `job` alone; else of all jobs of its kind
  std::string function;  // jobs/verdict/work_name.h
  ExecutorKind executor = ExecutorKind::kProcessPool;
  uint64_t cores = 0;  // of its agents
  std::string owner;
  JobId job;
  std::string executor_reason;
  std::string job_json;
  uint64_t tasks = 0;  // of `job`
  Evidence evidence;
};

}  // namespace remuda
