#include "executors/inline_executor.h"

#include <algorithm>
#include <stop_token>
#include <utility>

#include "executors/handlers/run_blocking.h"

namespace remuda {
namespace {

Outcome Unstarted(AttemptId id, Ending ending) {
  Outcome outcome;
  outcome.id = id;
  outcome.ending = ending;
  return outcome;
}

}  // namespace

InlineExecutor::InlineExecutor(size_t slots, BlockingHandlers handlers,
                               const Clock& clock, Notify notify)
    : handlers_(std::move(handlers)),
      clock_(clock),
      admission_(slots),
      notify_(std::move(notify)) {
  facts_.kind = ExecutorKind::kThreadPool;
  facts_.slots = slots;
  facts_.may_block = true;
}

absl::Status InlineExecutor::Start(std::span<const Attempt> batch) {
  for (const Attempt& attempt : batch) {
    if (!handlers_.contains(attempt.work->job.type)) {
      return absl::InvalidArgumentError("no handler of type " +
                                        attempt.work->job.type);
    }
  }
  const absl::Status admitted = admission_.Admit(batch, capacity());
  if (!admitted.ok() || batch.empty()) return admitted;
  waiting_.insert(waiting_.end(), batch.begin(), batch.end());
  NotifyOnce();
  return absl::OkStatus();
}

void InlineExecutor::Cancel(AttemptId id, CancelMode) {
  const auto found =
      std::find_if(waiting_.begin(), waiting_.end(),
                   [&](const Attempt& attempt) { return attempt.id == id; });
  if (found == waiting_.end()) return;
  waiting_.erase(found);
  outcomes_.push_back(Unstarted(id, Ending::kCancelled));
  NotifyOnce();
}

std::vector<Outcome> InlineExecutor::TakeOutcomes() {
  notified_ = false;
  while (!waiting_.empty()) {
    const Attempt attempt = std::move(waiting_.front());
    waiting_.pop_front();
    const MonotonicTime began = clock_.Now();
    if (drain_deadline_.has_value() && began >= *drain_deadline_) {
      outcomes_.push_back(Unstarted(attempt.id, Ending::kEvicted));
      continue;
    }
    BlockingHandler& handler = *handlers_.find(attempt.work->job.type)->second;
    outcomes_.push_back(
        RunBlocking(handler, attempt, states_, std::stop_token()));
    outcomes_.back().wall = clock_.Now() - began;
  }
  std::vector<Outcome> outcomes = std::exchange(outcomes_, {});
  admission_.Release(outcomes);
  return outcomes;
}

void InlineExecutor::Drain(MonotonicTime deadline) {
  admission_.Close();
  drain_deadline_ = deadline;
}

void InlineExecutor::NotifyOnce() {
  if (notified_) return;
  notified_ = true;
  if (notify_) notify_();
}

}  // namespace remuda
