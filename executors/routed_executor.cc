#include "executors/routed_executor.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"

namespace remuda {

void RoutedExecutor::Bell::Ring() {
  MutexLock lock(mutex_);
  if (rung_) return;
  rung_ = true;
  if (notify_) notify_();
}

void RoutedExecutor::Bell::Rearm() {
  MutexLock lock(mutex_);
  rung_ = false;
}

absl::StatusOr<std::unique_ptr<RoutedExecutor>> RoutedExecutor::Create(
    size_t slots, const std::vector<MakePart>& parts, Notify notify) {
  CHECK(!parts.empty());
  auto bell = std::make_shared<Bell>(std::move(notify));
  std::unique_ptr<RoutedExecutor> routed(new RoutedExecutor(slots, bell));
  for (const MakePart& make : parts) {
    absl::StatusOr<Part> part = make([bell] { bell->Ring(); });
    if (!part.ok()) return part.status();
    routed->parts_.push_back(*std::move(part));
  }
  routed->facts_ = routed->parts_.front().executor->facts();
  routed->facts_.slots = slots;
  return routed;
}

size_t RoutedExecutor::capacity() const {
  size_t room = slots_ > held_ ? slots_ - held_ : 0;
  for (const Part& part : parts_) {
    room = std::min(room, part.executor->capacity());
  }
  return room;
}

size_t RoutedExecutor::PartFor(const std::string& job_type) const {
  for (size_t i = 0; i < parts_.size(); ++i) {
    const auto& types = parts_[i].job_types;
    if (std::find(types.begin(), types.end(), job_type) != types.end()) {
      return i;
    }
  }
  return parts_.size();
}

absl::Status RoutedExecutor::Start(std::span<const Attempt> batch) {
  if (batch.empty()) return absl::OkStatus();
  const JobWork* known = nullptr;
  size_t first = parts_.size();
  bool mixed = false;
  for (const Attempt& attempt : batch) {
    if (attempt.work.get() == known) continue;
    const size_t part = PartFor(attempt.work->job.type);
    if (part == parts_.size()) {
      return absl::InvalidArgumentError(
          "this agent does not run jobs of type "
          "'" +
          attempt.work->job.type + "' on " + std::string(Name(facts_.kind)));
    }
    mixed |= known != nullptr && part != first;
    first = part;
    known = attempt.work.get();
  }
  if (batch.size() > capacity()) {
    return absl::ResourceExhaustedError("the executor has no room for " +
                                        std::to_string(batch.size()) +
                                        " attempts more");
  }
  const absl::Status status =
      mixed ? StartSplit(batch) : parts_[first].executor->Start(batch);
  if (status.ok()) held_ += batch.size();
  return status;
}

// Each part gets what is its own. Nothing is begun if the first refuses; what
// a later one refuses is handed back as evicted.
absl::Status RoutedExecutor::StartSplit(std::span<const Attempt> batch) {
  std::vector<std::vector<Attempt>> split(parts_.size());
  for (const Attempt& attempt : batch) {
    split[PartFor(attempt.work->job.type)].push_back(attempt);
  }
  bool begun = false;
  for (size_t i = 0; i < parts_.size(); ++i) {
    if (split[i].empty()) continue;
    const absl::Status status = parts_[i].executor->Start(split[i]);
    if (!status.ok() && !begun) return status;
    begun = true;
    if (status.ok()) continue;
    for (const Attempt& attempt : split[i]) {
      Outcome outcome;
      outcome.id = attempt.id;
      outcome.ending = Ending::kEvicted;
      outcome.error = std::string(status.message());
      refused_.push_back(std::move(outcome));
    }
    bell_->Ring();
  }
  return absl::OkStatus();
}

void RoutedExecutor::Cancel(AttemptId id, CancelMode mode) {
  // Those that do not hold it do nothing.
  for (const Part& part : parts_) part.executor->Cancel(id, mode);
}

std::vector<Outcome> RoutedExecutor::TakeOutcomes() {
  bell_->Rearm();
  std::vector<Outcome> all = std::exchange(refused_, {});
  for (const Part& part : parts_) {
    std::vector<Outcome> outcomes = part.executor->TakeOutcomes();
    if (all.empty()) {
      all = std::move(outcomes);
    } else {
      std::move(outcomes.begin(), outcomes.end(), std::back_inserter(all));
    }
  }
  held_ -= std::min(held_, all.size());
  return all;
}

std::vector<Finding> RoutedExecutor::TakeFindings() {
  std::vector<Finding> all;
  for (const Part& part : parts_) {
    std::vector<Finding> findings = part.executor->TakeFindings();
    std::move(findings.begin(), findings.end(), std::back_inserter(all));
  }
  return all;
}

WorkerNumbers RoutedExecutor::workers() const {
  WorkerNumbers sum;
  for (const Part& part : parts_) {
    const WorkerNumbers one = part.executor->workers();
    sum.starting += one.starting;
    sum.idle += one.idle;
    sum.busy += one.busy;
    sum.draining += one.draining;
    sum.exits_recycled += one.exits_recycled;
    sum.exits_error += one.exits_error;
    sum.exits_signal += one.exits_signal;
    sum.exits_oom += one.exits_oom;
    sum.exits_timeout += one.exits_timeout;
    sum.orphans_killed += one.orphans_killed;
  }
  return sum;
}

void RoutedExecutor::Drain(MonotonicTime deadline) {
  for (const Part& part : parts_) part.executor->Drain(deadline);
}

std::vector<std::string> RoutedExecutor::job_types() const {
  std::vector<std::string> types;
  for (const Part& part : parts_) {
    types.insert(types.end(), part.job_types.begin(), part.job_types.end());
  }
  std::sort(types.begin(), types.end());
  return types;
}

}  // namespace remuda
