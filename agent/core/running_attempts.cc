#include "agent/core/running_attempts.h"

#include <algorithm>

namespace remuda {
namespace {

constexpr MonotonicTime kNever = MonotonicTime::max();

}  // namespace

bool RunningAttempts::Add(const AttemptId& id, ExecutorKind executor,
                          MonotonicTime now, Duration timeout, WorkKey work) {
  const bool timed = timeout > Duration::zero() && timeout < kNever - now;
  const bool added =
      running_
          .emplace(id, RunningAttempt{.started = now,
                                      .due = timed ? now + timeout : kNever,
                                      .timeout = timeout,
                                      .work = work,
                                      .executor = executor})
          .second;
  if (!added) return false;
  if (timed) due_.emplace(now + timeout, id);
  ++counts_[static_cast<size_t>(executor)];
  return true;
}

std::optional<RunningAttempt> RunningAttempts::Take(const AttemptId& id) {
  auto found = running_.find(id);
  if (found == running_.end()) return std::nullopt;
  const RunningAttempt running = found->second;
  running_.erase(found);
  if (running.due != kNever) due_.erase({running.due, id});
  --counts_[static_cast<size_t>(running.executor)];
  return running;
}

bool RunningAttempts::Ask(const AttemptId& id, StopReason reason,
                          MonotonicTime now) {
  auto found = running_.find(id);
  if (found == running_.end()) return false;
  RunningAttempt& running = found->second;
  if (running.reason != StopReason::kNone) {
    const bool changes =
        reason == StopReason::kFenced && running.reason != reason;
    if (changes) running.reason = reason;
    return changes;
  }
  if (running.due != kNever) due_.erase({running.due, id});
  running.reason = reason;
  running.due = now + kKillGrace;
  due_.emplace(running.due, id);
  stops_.push_back(
      {.executor = running.executor, .id = id, .mode = CancelMode::kAsk});
  return true;
}

std::vector<AttemptId> RunningAttempts::OfJob(
    JobId job, std::optional<IndexRange> tasks,
    std::optional<Fence> fence) const {
  std::vector<AttemptId> ids;
  for (const auto& [id, running] : running_) {
    if (id.job != job) continue;
    if (fence.has_value() && id.fence != *fence) continue;
    if (tasks.has_value() &&
        (id.task < tasks->first || id.task - tasks->first >= tasks->count)) {
      continue;
    }
    ids.push_back(id);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::vector<AttemptId> RunningAttempts::All() const {
  std::vector<AttemptId> ids;
  ids.reserve(running_.size());
  for (const auto& [id, running] : running_) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

void RunningAttempts::OnTime(MonotonicTime now) {
  while (!due_.empty() && due_.begin()->first <= now) {
    const AttemptId id = due_.begin()->second;
    RunningAttempt& running = running_.at(id);
    if (running.reason == StopReason::kNone) {
      Ask(id, StopReason::kTimeout, now);
      continue;
    }
    due_.erase(due_.begin());
    running.due = kNever;
    running.forced = true;
    stops_.push_back(
        {.executor = running.executor, .id = id, .mode = CancelMode::kForce});
  }
}

std::optional<MonotonicTime> RunningAttempts::next_time() const {
  if (due_.empty()) return std::nullopt;
  return due_.begin()->first;
}

Ending JudgedEnding(const RunningAttempt& running, const Outcome& outcome) {
  const bool stopped = outcome.ending == Ending::kCancelled ||
                       outcome.ending == Ending::kEvicted;
  switch (running.reason) {
    case StopReason::kTimeout:
      // The executor knows better: a neighbour kept it from running.
      if (outcome.ending == Ending::kEvicted) return Ending::kEvicted;
      if (!stopped && outcome.wall <= running.timeout) return outcome.ending;
      return Ending::kTimeout;
    case StopReason::kCancelled:
      return outcome.ending == Ending::kSucceeded ? outcome.ending
                                                  : Ending::kCancelled;
    case StopReason::kEvicted:
    case StopReason::kLeaseOver:
    case StopReason::kFenced:
      return outcome.ending == Ending::kSucceeded ? outcome.ending
                                                  : Ending::kEvicted;
    case StopReason::kNone:
      break;
  }
  // Nobody asked, so it was the executor's own need, such as a neighbour that
  // had to be killed.
  return stopped ? Ending::kEvicted : outcome.ending;
}

}  // namespace remuda
