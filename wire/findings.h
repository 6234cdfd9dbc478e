#pragma once

#include <cstddef>
#include <vector>

#include "jobs/ids.h"
#include "jobs/job_finding.h"
#include "jobs/task_progress.h"

namespace remuda {

// Agent -> coordinator, at most about once a second: what executors noticed of
// the code of jobs since the last one, and how far tasks say they are. Best
// effort: not sent again.
struct Findings {
  static constexpr size_t kItemsMax = 64;
  struct Item {
    JobId job;
    // With the sightings since the last message: none if one only goes on.
    JobFinding finding;

    friend bool operator==(const Item&, const Item&) = default;
  };
  std::vector<Item> items;

  static constexpr size_t kProgressMax = 64;
  struct Progress {
    JobId job;
    TaskProgress task;

    friend bool operator==(const Progress&, const Progress&) = default;
  };
  std::vector<Progress> progress;

  friend bool operator==(const Findings&, const Findings&) = default;
};

}  // namespace remuda
