#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "executors/admission.h"
#include "executors/executor.h"
#include "executors/finding.h"
#include "executors/handlers/async_handler.h"

namespace remuda {

struct AsyncExecutorOptions {
  size_t slots = 10'000;  // attempts in flight
};

// Runs coroutines on one event loop with a thread of its own. A coroutine
// cannot be killed: kForce reports the attempt at once, and the coroutine
// keeps its slot until it really ends, so that what is given up stays bounded.
// A handler that holds the loop is a finding, `loop_blocked`, while it does.
//
// Thread: confined to the agent's control loop, except Notify.
// Lifetime: borrows the clock, a real one. Destruction joins the thread, so it
// waits for a handler that blocks the loop, which none may.
class AsyncExecutor : public Executor {
 public:
  AsyncExecutor(AsyncExecutorOptions options,
                const AsyncHandlerFactory& factory, const Clock& clock,
                Notify notify);
  ~AsyncExecutor() override;

  const ExecutorFacts& facts() const override { return facts_; }
  size_t capacity() const override;
  absl::Status Start(std::span<const Attempt> batch) override;
  void Cancel(AttemptId id, CancelMode mode) override;
  std::vector<Outcome> TakeOutcomes() override;
  std::vector<Finding> TakeFindings() override;
  void Drain(MonotonicTime deadline) override;

 private:
  class Loop;

  ExecutorFacts facts_;
  Admission admission_;
  const std::unique_ptr<Loop> loop_;
};

}  // namespace remuda
