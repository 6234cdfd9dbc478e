#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "base/clock.h"
#include "executors/handlers/handler_result.h"

namespace remuda {

// Ends of tasks that wait to be sent, those in a row that are alike as one.
//
// Thread: confined to its owner, or under its lock.
class ResultBatch {
 public:
  struct Times {
    Duration wall = Duration::zero();
    Duration cpu = Duration::zero();
    // Of one that was worth a look; on a loop a part of each.
    std::optional<Duration> run_queue = {};
    std::optional<Duration> loop_wait = {};  // of those on a loop
  };

  void Add(uint64_t number, HandlerResult result, const Times& times);

  // Of a task that was taken back and has not begun.
  void AddReturned(uint64_t number);

  bool empty() const { return ranges_.empty(); }
  uint64_t tasks() const { return tasks_; }

  // Frames with all of them (worker_channel.h), as few as there may be. `cpu`,
  // if it is known of all together only, is shared out by their number.
  std::string Take(std::optional<Duration> cpu = std::nullopt);

 private:
  struct Range {
    uint64_t first = 0;
    uint64_t count = 0;
    bool is_returned = false;
    HandlerResult result;
    Times times;
  };

  static bool AddUp(const Times& one, const Times& other);
  static const char* EndingName(const Range& range);
  void Append(uint64_t number, HandlerResult result, bool is_returned,
              const Times& times);

  std::deque<Range> ranges_;
  uint64_t tasks_ = 0;
};

}  // namespace remuda
