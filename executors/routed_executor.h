#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "executors/executor.h"

namespace remuda {

// Several executors of one kind as one, so that an agent has one executor a
// kind: handlers that ship run in the agent, a user's in workers. Which runs
// an attempt is decided by its job type alone; slots are shared.
//
// Thread: as Executor says.
// Lifetime: destroys its parts, in the order in which they were made.
class RoutedExecutor : public Executor {
 public:
  struct Part {
    std::unique_ptr<Executor> executor;
    std::vector<std::string> job_types;  // of no other part
  };
  using MakePart = std::function<absl::StatusOr<Part>(Notify notify)>;

  // `slots` are what all parts may hold together.
  // Errors: those of the parts.
  static absl::StatusOr<std::unique_ptr<RoutedExecutor>> Create(
      size_t slots, const std::vector<MakePart>& parts, Notify notify);

  const ExecutorFacts& facts() const override { return facts_; }
  size_t capacity() const override;
  absl::Status Start(std::span<const Attempt> batch) override;
  void Cancel(AttemptId id, CancelMode mode) override;
  std::vector<Outcome> TakeOutcomes() override;
  std::vector<Finding> TakeFindings() override;
  WorkerNumbers workers() const override;
  void Drain(MonotonicTime deadline) override;

  // All that its parts run, sorted.
  std::vector<std::string> job_types() const;

 private:
  // Makes one notification of those of all parts.
  class Bell {
   public:
    explicit Bell(Notify notify) : notify_(std::move(notify)) {}
    void Ring() EXCLUDES(mutex_);
    void Rearm() EXCLUDES(mutex_);

   private:
    const Notify notify_;
    Mutex mutex_;
    bool rung_ GUARDED_BY(mutex_) = false;
  };

  RoutedExecutor(size_t slots, std::shared_ptr<Bell> bell)
      : slots_(slots), bell_(std::move(bell)) {}

  // The number of parts if none runs it.
  size_t PartFor(const std::string& job_type) const;
  absl::Status StartSplit(std::span<const Attempt> batch);

  const size_t slots_;
  const std::shared_ptr<Bell> bell_;
  ExecutorFacts facts_;
  std::vector<Part> parts_;
  size_t held_ = 0;
  std::vector<Outcome> refused_;  // by a part after another had begun
};

}  // namespace remuda
