#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "jobs/ids.h"
#include "jobs/index_ranges.h"
#include "wire/messages.h"

namespace remuda {

// Every attempt this agent was granted and whose end is not confirmed as
// recorded: waiting, running or in the spool. It is what a Hello lists, and
// how a grant that comes twice is noticed. Does not know which of the three an
// attempt is.
//
// Thread: confined to the agent core.
// Lifetime: a value.
class HeldTasks {
 public:
  // Adds what is not held yet and returns just those parts, in order.
  std::vector<IndexRange> Add(const FencedRange& range);

  // Forgets the range; parts that are not held are ignored.
  void Remove(const FencedRange& range);

  bool HoldsJob(JobId job) const;
  uint64_t size() const { return size_; }

  // By job, then fence, then index.
  std::vector<FencedRange> List() const;

 private:
  std::map<std::pair<JobId, Fence>, IndexRanges> ranges_;
  uint64_t size_ = 0;
};

}  // namespace remuda
