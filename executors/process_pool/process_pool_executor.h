#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/event_loop.h"
#include "executors/admission.h"
#include "executors/executor.h"
#include "executors/outcome_queue.h"
#include "executors/process_pool/process_pool_options.h"
#include "executors/processes/spawner.h"

namespace remuda {

class ProcessPool;

// Runs attempts in processes of their own: commands, and workers that host
// handlers and run one attempt at a time. A crash costs the attempt that ran;
// kForce kills it and everything that it started.
//
// All work with processes happens on one thread of its own, so that a turn of
// the agent's loop never waits for the kernel to start or reap one.
//
// Thread: confined to the agent's control loop, except Notify.
// Lifetime: destruction kills every process and waits for that.
class ProcessPoolExecutor : public Executor {
 public:
  // Without a `spawner` the first attempt has one launched: an agent that
  // starts no process does not pay for it.
  // Errors: InvalidArgument for options that cannot work; Internal if the
  //         folders cannot be made.
  static absl::StatusOr<std::unique_ptr<ProcessPoolExecutor>> Create(
      ProcessPoolOptions options, std::unique_ptr<Spawner> spawner,
      const Clock& clock, Notify notify);
  ~ProcessPoolExecutor() override;

  const ExecutorFacts& facts() const override { return facts_; }
  size_t capacity() const override;
  absl::Status Start(std::span<const Attempt> batch) override;
  void Cancel(AttemptId id, CancelMode mode) override;
  std::vector<Outcome> TakeOutcomes() override;
  void Drain(MonotonicTime deadline) override;
  std::vector<Finding> TakeFindings() override {
    return outcomes_.TakeFindings();
  }
  WorkerNumbers workers() const override;

  // The job types that the options allow, sorted.
  const std::vector<std::string>& job_types() const { return job_types_; }

 private:
  ProcessPoolExecutor(ProcessPoolOptions options,
                      std::unique_ptr<Spawner> spawner, const Clock& clock,
                      Notify notify);
  size_t RoomUpTo(size_t attempts) const;

  ExecutorFacts facts_;
  std::vector<std::string> job_types_;
  const size_t capacity_max_;
  // What capacity() last went by: the pool may lower its own any time, but who
  // was told that there is room must find it.
  mutable size_t promised_ = 0;
  Admission admission_;
  OutcomeQueue outcomes_;
  EventLoop loop_;
  std::unique_ptr<ProcessPool> pool_;  // belongs to thread_ while that runs
  std::thread thread_;
};

}  // namespace remuda
