#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "base/mutex.h"
#include "executors/process_pool/output_files.h"

namespace remuda {

// Collects the output files of attempts on a thread of its own, because a disk
// may take its time and the loop may not. Holds as many as ask, which are
// attempts that still have their slots.
//
// Thread: Collect() and destruction on the loop's, where answers come too.
// Lifetime: borrows the loop. Destruction waits for the file that is being
// copied, drops the others, and gives no more answers.
class OutputMover {
 public:
  using Answer =
      std::function<void(const absl::StatusOr<std::vector<OutputFile>>&)>;

  explicit OutputMover(EventLoop& loop);
  ~OutputMover();

  // As CollectOutputs() does; `answer` comes in a later turn.
  void Collect(std::string folder, OutputRules rules, AttemptId attempt,
               Answer answer);

 private:
  struct Order {
    std::string folder;
    OutputRules rules;
    AttemptId attempt;
    Answer answer;
  };

  void Work();

  EventLoop& loop_;
  // Shared with the answers under way, which find out whether this is alive.
  const std::shared_ptr<bool> is_alive_ = std::make_shared<bool>(true);
  Mutex mutex_;
  CondVar changed_;
  std::deque<Order> orders_ GUARDED_BY(mutex_);
  bool stop_ GUARDED_BY(mutex_) = false;
  std::thread thread_;  // started with the first order
};

}  // namespace remuda
