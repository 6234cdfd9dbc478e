#include "executors/scripted_executor.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/check.h"

namespace remuda {

ScriptedExecutor::ScriptedExecutor(ExecutorFacts facts, Notify notify,
                                   size_t line_max)
    : facts_(facts), notify_(std::move(notify)), line_max_(line_max) {}

void ScriptedExecutor::SetScript(Script script) { script_ = std::move(script); }

size_t ScriptedExecutor::capacity() const {
  const size_t held = line_.size() + running_.size() + outcomes_.size();
  const size_t most = facts_.slots + line_max_;
  return held < most ? most - held : 0;
}

absl::Status ScriptedExecutor::Start(std::span<const Attempt> batch) {
  if (drain_deadline_.has_value()) {
    return absl::FailedPreconditionError("the executor is draining");
  }
  if (batch.size() > capacity()) {
    return absl::ResourceExhaustedError("more attempts than free slots");
  }
  std::set<AttemptId> ids;
  for (const Attempt& waiting : line_) ids.insert(waiting.id);
  for (const Attempt& attempt : batch) {
    if (orders_.contains(attempt.id) || !ids.insert(attempt.id).second) {
      return absl::InvalidArgumentError("an attempt of this id is running");
    }
  }
  for (const Attempt& attempt : batch) {
    line_.push_back(attempt);
    started_.push_back(attempt);
  }
  BeginNext();
  AdvanceTo(now_);
  return absl::OkStatus();
}

void ScriptedExecutor::BeginNext() {
  for (; !line_.empty() && running_.size() < facts_.slots; line_.pop_front()) {
    const Attempt& attempt = line_.front();
    const uint64_t order = next_order_++;
    Running running{.id = attempt.id, .began = now_, .plan = {}};
    if (script_) running.plan = script_(attempt);
    if (running.plan.runs_for.has_value()) {
      due_.insert({.time = now_ + *running.plan.runs_for, .order = order});
    }
    orders_[attempt.id] = order;
    running_[order] = std::move(running);
  }
}

bool ScriptedExecutor::EndInLine(AttemptId id, Ending ending) {
  const auto found =
      std::find_if(line_.begin(), line_.end(),
                   [&](const Attempt& attempt) { return attempt.id == id; });
  if (found == line_.end()) return false;
  line_.erase(found);
  outcomes_.push_back({.id = id, .ending = ending, .started = false});
  NotifyOnce();
  return true;
}

void ScriptedExecutor::Cancel(AttemptId id, CancelMode mode) {
  cancels_.push_back({.id = id, .mode = mode});
  if (EndInLine(id, Ending::kCancelled)) return;
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
    for (const AttemptId& id : waiting()) EndInLine(id, Ending::kEvicted);
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

std::vector<AttemptId> ScriptedExecutor::waiting() const {
  std::vector<AttemptId> ids;
  for (const Attempt& attempt : line_) ids.push_back(attempt.id);
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
  BeginNext();
  NotifyOnce();
}

void ScriptedExecutor::NotifyOnce() {
  if (notified_) return;
  notified_ = true;
  if (notify_) notify_();
}

}  // namespace remuda
