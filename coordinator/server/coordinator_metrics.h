#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "coordinator/store/store.h"

namespace remuda {

// What a coordinator counts about itself. Knows nothing of how it is asked for.
//
// Thread: any.
// Lifetime: outlives the loop and the threads that count.
class CoordinatorMetrics {
 public:
  // A frame that could be read, or that was handed to the outbox.
  void OnFrameIn(std::string_view frame);
  void OnFrameOut(std::string_view frame);
  void OnMalformed(std::string_view reason);
  void OnInvalidSubmission();
  // One turn of the core.
  void OnDispatch(Duration duration);
  void OnCommit(const CommitFacts& facts, Duration duration);

  uint64_t frames() const { return frames_; }
  uint64_t rows() const { return rows_; }
  uint64_t commits() const { return commits_; }

 private:
  std::atomic<uint64_t> frames_ = 0;
  std::atomic<uint64_t> rows_ = 0;
  std::atomic<uint64_t> commits_ = 0;
};

}  // namespace remuda
