#include "coordinator/store/evidence_batch.h"

#include <algorithm>
#include <vector>

#include "wire/attempt_records.h"

namespace remuda {
namespace {

// What agents say of times is only believed within these.
constexpr WallTime kTimeMax{std::chrono::hours(24 * 365 * 200)};
constexpr Duration kWallMax = std::chrono::hours(24 * 365);

bool IsPossible(const AttemptUse& use) {
  return use.wall >= Duration::zero() && use.wall <= kWallMax &&
         use.ended_at >= WallTime(use.wall) && use.ended_at < kTimeMax;
}

// Whether the attempt is one of those that were accepted.
class Accepted {
 public:
  explicit Accepted(const std::vector<AttemptsEnded::Run>& runs)
      : runs_(runs) {}

  // Asked by rising task.
  bool Has(const AttemptUse& use) {
    while (at_ < runs_.size() && EndOf(at_) <= use.task) ++at_;
    for (size_t i = at_; i < runs_.size(); ++i) {
      const EndingRun& run = runs_[i].ended;
      if (run.tasks.first > use.task) return false;
      if (run.fence == use.fence && run.ending == use.ending) return true;
    }
    return false;
  }

 private:
  TaskIndex EndOf(size_t i) const {
    return runs_[i].ended.tasks.first + runs_[i].ended.tasks.count;
  }

  const std::vector<AttemptsEnded::Run>& runs_;
  size_t at_ = 0;
};

}  // namespace

Duration EvidenceBatch::NewlyActive(WallTime& counted_to) const {
  if (ended <= counted_to) return Duration::zero();
  const bool goes_on = began - counted_to <= kPauseMax;
  const Duration active = ended - (goes_on ? counted_to : began);
  counted_to = ended;
  return active;
}

std::optional<EvidenceBatch> EvidenceOf(const AttemptsEnded& event) {
  if (event.records == nullptr || event.records->empty()) return std::nullopt;
  EvidenceBatch batch = {.began = kTimeMax};
  Accepted accepted(event.runs);
  const absl::Status visited =
      VisitAttemptUses(*event.records, [&](const AttemptUse& use) {
        if (!accepted.Has(use) || !IsEvidence(use.ending) || !IsPossible(use)) {
          return;
        }
        batch.sum.Add(use.ending, use.wall, use.usage);
        batch.began = std::min(batch.began, use.ended_at - use.wall);
        batch.ended = std::max(batch.ended, use.ended_at);
      });
  if (!visited.ok() || batch.sum.attempts == 0) return std::nullopt;
  return batch;
}

}  // namespace remuda
