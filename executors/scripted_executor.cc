#include "executors/scripted_executor.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/check.h"

namespace remuda {

ScriptedExecutor::ScriptedExecutor(ExecutorFacts facts, Notify notify)
    : facts_(facts), notify_(std::move(notify)) {}

void ScriptedExecutor::SetScript(Script script) { script_ = std::move(script); }

size_t ScriptedExecutor::capacity() const {
  const size_t held = running_.size() + outcomes_.size();
  return held < facts_.slots ? facts_.slots - held : 0;
}

absl::Status ScriptedExecutor::Start(std::span<const Attempt> batch) {
  if (drain_deadline_.has_value()) {
    return absl::FailedPreconditionError("the executor is draining");
  }
  if (batch.size() > capacity()) {
    return absl::ResourceExhaustedError("more attempts than free slots");
  }
  std::set<AttemptId> ids;
  for (const Attempt& attempt : batch) {
    if (orders_.contains(attempt.id) || !ids.insert(attempt.id).second) {
      return absl::InvalidArgumentError("an attempt of this id is running");
    }
  }
  for (const Attempt& attempt : batch) {
    const uint64_t order = next_order_++;
    Running running{.id = attempt.id, .began = now_, .plan = {}};
    if (script_) running.plan = script_(attempt);
    if (running.plan.runs_for.has_value()) {
      due_.insert({.time = now_ + *running.plan.runs_for, .order = order});
    }
    orders_[attempt.id] = order;
    running_[order] = std::move(running);
    started_.push_back(attempt);
  }
  AdvanceTo(now_);
  return absl::OkStatus();
}

void ScriptedExecutor::Cancel(AttemptId id, CancelMode mode) {
  cancels_.push_back({.id = id, .mode = mode});
  const auto found = orders_.find(id);
  if (found == orders_.end()) return;
  const Plan& plan = running_.at(found->second).plan;
  if (mode == CancelMode::kAsk && !plan.heeds_ask) return;
  Outcome outcome;
  outcome.ending = Ending::kCancelled;
  Finish(found->second, std::move(outcome));
}

std::vector<Outcome> ScriptedExecutor::TakeOutcomes() {
  notified_ = false;
  return std::exchange(outcomes_, {});
}

void ScriptedExecutor::Notice(Finding finding) {
  if (findings_.size() >= kFindingsMax) return;
  findings_.push_back(std::move(finding));
  NotifyOnce();
}

std::vector<Finding> ScriptedExecutor::TakeFindings() {
  return std::exchange(findings_, {});
}

void ScriptedExecutor::Drain(MonotonicTime deadline) {
  drain_deadline_ = deadline;
  AdvanceTo(now_);
}

void ScriptedExecutor::AdvanceTo(MonotonicTime now) {
  CHECK(now >= now_);
  const MonotonicTime stop = drain_deadline_.has_value()
                                 ? std::clamp(*drain_deadline_, now_, now)
                                 : now;
  while (!due_.empty() && due_.begin()->time <= stop) {
    const Due due = *due_.begin();
    now_ = due.time;
    Finish(due.order, running_.at(due.order).plan.outcome);
  }
  if (drain_deadline_.has_value() && *drain_deadline_ <= now) {
    now_ = stop;
    while (!running_.empty()) {
      Outcome outcome;
      outcome.ending = Ending::kEvicted;
      Finish(running_.begin()->first, std::move(outcome));
    }
  }
  now_ = now;
}

std::optional<MonotonicTime> ScriptedExecutor::next_due() const {
  std::optional<MonotonicTime> due;
  if (!due_.empty()) due = due_.begin()->time;
  if (drain_deadline_.has_value() && !running_.empty() &&
      (!due.has_value() || *drain_deadline_ < *due)) {
    due = drain_deadline_;
  }
  return due;
}

void ScriptedExecutor::End(AttemptId id, Outcome outcome) {
  const auto found = orders_.find(id);
  CHECK(found != orders_.end());
  Finish(found->second, std::move(outcome));
}

void ScriptedExecutor::EndAll() {
  while (!running_.empty()) Finish(running_.begin()->first, {});
}

std::vector<AttemptId> ScriptedExecutor::running() const {
  std::vector<AttemptId> ids;
  for (const auto& [order, running] : running_) ids.push_back(running.id);
  return ids;
}

void ScriptedExecutor::Finish(uint64_t order, Outcome outcome) {
  const auto found = running_.find(order);
  CHECK(found != running_.end());
  const Running& running = found->second;
  outcome.id = running.id;
  outcome.wall = now_ - running.began;
  if (running.plan.runs_for.has_value()) {
    due_.erase(
        {.time = running.began + *running.plan.runs_for, .order = order});
  }
  orders_.erase(running.id);
  running_.erase(found);
  outcomes_.push_back(std::move(outcome));
  NotifyOnce();
}

void ScriptedExecutor::NotifyOnce() {
  if (notified_) return;
  notified_ = true;
  if (notify_) notify_();
}

}  // namespace remuda
