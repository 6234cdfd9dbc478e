#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/event_loop.h"
#include "executors/admission.h"
#include "executors/executor.h"
#include "executors/hosted/hosted_options.h"
#include "executors/outcome_queue.h"

namespace remuda {

class HostedPool;

// Runs attempts of user code on an event loop or on threads, in worker
// processes that host many at a time: a crash or a hang costs a worker, never
// the agent. An attempt that is forced to stop takes its worker with it;
// neighbours that had no time to end begin anew in another.
//
// Thread: confined to the agent's control loop, except Notify.
// Lifetime: destruction kills every process and waits for that.
class HostedExecutor : public Executor {
 public:
  // The first attempt has the spawner started: an agent that hosts nobody's
  // code does not pay for it.
  // Errors: InvalidArgument for options that cannot work; Internal if the
  //         folders cannot be made.
  static absl::StatusOr<std::unique_ptr<HostedExecutor>> Create(
      HostedOptions options, const Clock& clock, Notify notify);
  ~HostedExecutor() override;

  const ExecutorFacts& facts() const override { return facts_; }
  size_t capacity() const override { return admission_.room(); }
  absl::Status Start(std::span<const Attempt> batch) override;
  void Cancel(AttemptId id, CancelMode mode) override;
  std::vector<Outcome> TakeOutcomes() override;
  std::vector<Finding> TakeFindings() override {
    return outcomes_.TakeFindings();
  }
  WorkerNumbers workers() const override;
  void Drain(MonotonicTime deadline) override;

 private:
  HostedExecutor(const HostedOptions& options, const Clock& clock,
                 Notify notify);

  const std::vector<WorkerCommand> workers_;
  ExecutorFacts facts_;
  Admission admission_;
  OutcomeQueue outcomes_;
  EventLoop loop_;
  std::unique_ptr<HostedPool> pool_;  // belongs to thread_ while that runs
  std::thread thread_;
};

}  // namespace remuda
