#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "executors/processes/process_limits.h"
#include "executors/processes/spawner_ties.h"
#include "executors/workers/worker_command.h"

namespace remuda {

struct ProcessPoolOptions {
  size_t slots = 1;  // attempts that run at the same time

  // Starts as `program spawner FD`, again should it ever die.
  std::string spawner_program = "/proc/self/exe";
  SpawnerTies ties;

  // Folders of this agent alone; made if missing. Working folders of attempts
  // are removed with the attempt, logs by whoever takes the outcome.
  std::string work_folder;
  std::string log_folder;

  // By what limits of tasks are kept.
  ControlGroupPlaces groups;

  bool runs_commands = true;
  std::vector<WorkerCommand> workers;

  // A worker is replaced after so many tasks, so long, or at this size.
  uint64_t worker_tasks_max = 10'000'000;
  Duration worker_age_max = std::chrono::hours(1);
  uint64_t worker_memory_bytes_max = uint64_t{2} << 30;

  // For so long after a worker was lost another one waits, warm, to take the
  // place of the next.
  Duration spares_kept = std::chrono::seconds(10);

  // How long a worker may take to say hello, or to end when told to.
  Duration worker_start_max = std::chrono::seconds(60);
  Duration worker_end_max = std::chrono::seconds(10);
};

}  // namespace remuda
