#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "executors/admission.h"
#include "executors/executor.h"
#include "executors/handlers/blocking_handler.h"

namespace remuda {

struct ThreadPoolOptions {
  size_t slots = 64;  // threads, started when there is work for them
  // Threads given up by kForce that are replaced while their code still runs.
  // Each one beyond that costs a slot until it returns.
  size_t abandoned_max = 64;
  // How long destruction waits for code that was asked to stop.
  Duration stop_grace = std::chrono::seconds(2);
};

// Runs blocking handlers, one attempt a thread. A thread cannot be killed, so
// kForce abandons it: the attempt is reported at once, its late end is
// ignored, and another thread takes the place.
//
// Thread: confined to the agent's control loop, except Notify.
// Lifetime: borrows the clock, a real one. Code that outlasts the destructor's
// grace keeps its own thread and its handler alive, and nothing else.
class ThreadPoolExecutor : public Executor {
 public:
  ThreadPoolExecutor(ThreadPoolOptions options, BlockingHandlers handlers,
                     const Clock& clock, Notify notify);
  ~ThreadPoolExecutor() override;

  const ExecutorFacts& facts() const override { return facts_; }
  size_t capacity() const override;
  absl::Status Start(std::span<const Attempt> batch) override;
  void Cancel(AttemptId id, CancelMode mode) override;
  std::vector<Outcome> TakeOutcomes() override;
  void Drain(MonotonicTime deadline) override;

  // Threads whose attempt was given up and that have not returned yet.
  size_t abandoned() const;

 private:
  class Pool;

  const size_t abandoned_max_;
  ExecutorFacts facts_;
  Admission admission_;
  // Shared with the threads, of which some may outlive this.
  std::shared_ptr<Pool> pool_;
};

}  // namespace remuda
