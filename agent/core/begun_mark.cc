#include "agent/core/begun_mark.h"

#include <utility>

#include "base/check.h"

namespace remuda {

void BegunMark::OnGiven(const AttemptId& attempt) {
  ++held_;
  if (waiting_.empty() && held_ <= slots_) {
    last_ = attempt;
    moved_ = true;
    return;
  }
  line_.push_back(attempt);
  waiting_.insert(attempt);
  BeginNext();
}

void BegunMark::OnEnded(const AttemptId& attempt, bool started) {
  CHECK(held_ > 0);
  --held_;
  if (!started) waiting_.erase(attempt);
  BeginNext();
}

void BegunMark::BeginNext() {
  while (!waiting_.empty() && held_ - waiting_.size() < slots_) {
    const AttemptId next = line_.front();
    line_.pop_front();
    if (waiting_.erase(next) == 0) continue;
    last_ = next;
    moved_ = true;
  }
  if (waiting_.empty()) line_.clear();
}

bool BegunMark::TakeMoved() { return std::exchange(moved_, false); }

std::vector<FencedRange> BegunMark::Waiting() const {
  std::vector<FencedRange> ranges;
  for (const AttemptId& attempt : line_) {
    if (!waiting_.contains(attempt)) continue;
    if (!ranges.empty()) {
      FencedRange& last = ranges.back();
      if (last.job == attempt.job && last.fence == attempt.fence &&
          last.tasks.first + last.tasks.count == attempt.task) {
        ++last.tasks.count;
        continue;
      }
    }
    ranges.push_back({.job = attempt.job,
                      .tasks = {attempt.task, 1},
                      .fence = attempt.fence});
  }
  return ranges;
}

}  // namespace remuda
