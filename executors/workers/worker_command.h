#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "executors/processes/process_limits.h"

namespace remuda {

// A program that hosts handlers, and the job types that it runs.
struct WorkerCommand {
  std::vector<std::string> argv;
  std::vector<std::string> job_types;
  // Job type parameter that names another program for argv[0]; may be empty.
  std::string program_parameter;
  // Its handlers look at the item itself, beside the parameters.
  bool reads_items = true;
  // For people: "the Python worker".
  std::string name;
  // "NAME=value", beside PATH and what the protocol needs.
  std::vector<std::string> environment;
  // Of one worker; in mode `process` that is, of one task.
  uint32_t cpus = 1;
  ProcessLimits limits = {};
  // It can be a zygote (docs/WORKER_PROTOCOL.md).
  bool can_be_zygote = false;
};

}  // namespace remuda
