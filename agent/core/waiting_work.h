#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "jobs/attempt.h"
#include "jobs/ids.h"
#include "jobs/index_ranges.h"
#include "jobs/work_key.h"
#include "wire/messages.h"

namespace remuda {

// A granted range that has not started: one record, however many tasks.
struct WaitingRange {
  // Shared with the attempts made of it.
  std::shared_ptr<const JobWork> work;
  WorkKey key;
  IndexRange tasks;
  Fence fence;
  MonotonicTime granted_at{};
  // Of a list source: a JSON value a line, the first task's at `offset`.
  // Shared by the parts into which a range may be split.
  std::shared_ptr<const std::string> items;
  size_t offset = 0;
};

// The work one executor has been granted, in the order granted, until there is
// room to start it. Tasks become values one by one only when they start.
//
// Thread: confined to the agent core.
// Lifetime: a value.
class WaitingWork {
 public:
  // How many attempts may start now. Those with a time limit must find a slot
  // free, because their time runs from the start.
  struct Room {
    size_t attempts = 0;
    size_t slots = 0;
  };
  struct Taken {
    struct Granted {
      MonotonicTime at{};
      WorkKey work;
      size_t attempts = 0;
    };
    std::vector<Attempt> attempts;
    std::vector<Granted> granted;  // the same ones, by when and what
  };

  void Push(WaitingRange range);
  Taken Take(Room room);

  // Take the matching tasks out and return them. No fence means any.
  std::vector<FencedRange> RemoveAll();
  std::vector<FencedRange> RemoveJob(JobId job);
  std::vector<FencedRange> RemoveTasks(JobId job, const IndexRange& tasks,
                                       std::optional<Fence> fence);
  // All but the first so many, which would start the soonest.
  std::vector<FencedRange> RemoveBeyond(uint64_t kept);

  uint64_t size() const { return size_; }
  // Of each kind of work, never 0.
  const std::map<WorkKey, uint64_t>& by_work() const { return by_work_; }
  // When the first in line was granted.
  std::optional<MonotonicTime> oldest() const;
  // In the order granted.
  std::vector<FencedRange> List() const;

 private:
  void Count(WorkKey work, uint64_t tasks);
  void Uncount(WorkKey work, uint64_t tasks);

  std::deque<WaitingRange> ranges_;
  uint64_t size_ = 0;
  std::map<WorkKey, uint64_t> by_work_;
};

// The part of a range, which must lie within it, with its items found.
WaitingRange SliceOf(const WaitingRange& range, const IndexRange& part);

}  // namespace remuda
