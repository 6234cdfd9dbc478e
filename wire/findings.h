#pragma once

#include <cstddef>
#include <vector>

#include "jobs/ids.h"
#include "jobs/job_finding.h"

namespace remuda {

// Agent -> coordinator, at most about once a second: what executors noticed of
// the code of jobs since the last one. Best effort: not sent again.
struct Findings {
  static constexpr size_t kItemsMax = 64;
  struct Item {
    JobId job;
    // With the sightings since the last message: none if one only goes on.
    JobFinding finding;

    friend bool operator==(const Item&, const Item&) = default;
  };
  std::vector<Item> items;

  friend bool operator==(const Findings&, const Findings&) = default;
};

}  // namespace remuda
