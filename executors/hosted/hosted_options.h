#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "executors/processes/process_limits.h"
#include "executors/processes/spawner_ties.h"
#include "executors/workers/worker_command.h"
#include "jobs/states.h"

namespace remuda {

struct HostedOptions {
  ExecutorKind kind = ExecutorKind::kAsync;  // or kThreadPool
  size_t slots = 1;        // attempts that run at the same time
  size_t workers_max = 1;  // processes of one program that share them

  // Starts as `program spawner FD`, again should it ever die.
  std::string spawner_program = "/proc/self/exe";
  SpawnerTies ties;

  // Folders of this executor; made if missing. Logs are removed by whoever
  // takes the outcome.
  std::string work_folder;
  std::string log_folder;

  // By what limits are kept.
  ControlGroupPlaces groups;

  std::vector<WorkerCommand> workers;

  // A worker is replaced after so many tasks, so long, or at this size.
  uint64_t worker_tasks_max = 10'000'000;
  Duration worker_age_max = std::chrono::hours(1);
  uint64_t worker_memory_bytes_max = uint64_t{4} << 30;

  // How long a worker may take to say hello, or to end when told to.
  Duration worker_start_max = std::chrono::seconds(60);
  Duration worker_end_max = std::chrono::seconds(10);

  // How long the neighbours of a task that will not stop may go on, where
  // they can.
  Duration neighbours_max = std::chrono::seconds(5);

  // For so long after a crash with suspects the workers in which these ran
  // alone wait for the next.
  Duration solos_kept = std::chrono::seconds(10);

  // A loop that does not say how full it is counts as full when its worker has
  // used so much of a processor for so long: thousands of tasks that begin at
  // once, only to wait, take a while too.
  double full_share = 0.8;
  Duration full_min = std::chrono::seconds(2);

  // A loop that does not answer for so long is blocked.
  Duration blocked_min = std::chrono::seconds(1);
};

}  // namespace remuda
