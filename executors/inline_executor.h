#pragma once

#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "executors/admission.h"
#include "executors/executor.h"
#include "executors/handlers/blocking_handler.h"
#include "executors/handlers/run_blocking.h"

namespace remuda {

// Runs attempts one after the other on the caller's own thread, inside
// TakeOutcomes(), which therefore blocks: for tests and measurements, never
// for an agent. An attempt can be cancelled until its turn comes.
//
// Thread: confined to its user.
// Lifetime: borrows the clock.
class InlineExecutor : public Executor {
 public:
  InlineExecutor(size_t slots, BlockingHandlers handlers, const Clock& clock,
                 Notify notify);

  const ExecutorFacts& facts() const override { return facts_; }
  size_t capacity() const override { return admission_.room(); }
  absl::Status Start(std::span<const Attempt> batch) override;
  void Cancel(AttemptId id, CancelMode mode) override;
  std::vector<Outcome> TakeOutcomes() override;
  void Drain(MonotonicTime deadline) override;

 private:
  void NotifyOnce();

  ExecutorFacts facts_;
  const BlockingHandlers handlers_;
  const Clock& clock_;
  Admission admission_;
  ThreadStates states_;
  std::deque<Attempt> waiting_;
  std::optional<MonotonicTime> drain_deadline_;
  std::vector<Outcome> outcomes_;
  const Notify notify_;
  bool notified_ = false;
};

}  // namespace remuda
