#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "coordinator/core/output.h"
#include "coordinator/store/learned_kind.h"

namespace remuda {

// The items of one job of a submission, in chunks of kTasksPerChunk lines. The
// store takes them when the same unit accepts that job, and otherwise drops
// them.
struct StagedItems {
  std::string key;
  uint32_t document = 0;
  // Shared: the submission that staged them may be asked for again.
  std::shared_ptr<const std::vector<std::string>> chunks;
};

// What one turn of the coordinator writes: all of it or nothing. A unit that
// writes nothing still keeps its place, so that its sends stay in order.
struct CommitUnit {
  Output output;
  std::vector<StagedItems> items;
  std::vector<LearnedKind> learned;  // replaces what was known of these kinds
};

}  // namespace remuda
