#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/clock.h"
#include "executors/executor.h"
#include "jobs/ids.h"
#include "jobs/index_ranges.h"
#include "jobs/outcome.h"
#include "jobs/states.h"
#include "jobs/work_key.h"

namespace remuda {

// Why the agent asked an attempt to stop.
enum class StopReason : uint8_t {
  kNone,
  kCancelled,  // its job was cancelled
  kTimeout,    // its time was up
  kEvicted,    // the agent drains
  kLeaseOver,  // the agent cannot know whether it is still its own
  kFenced,     // no longer this agent's: whatever comes of it is dropped
};

struct RunningAttempt {
  MonotonicTime started{};
  MonotonicTime due{};  // of the next step against it, if it has one
  Duration timeout = Duration::zero();
  WorkKey work;
  ExecutorKind executor = ExecutorKind::kAsync;
  StopReason reason = StopReason::kNone;
  bool forced = false;
};

// One call of Executor::Cancel.
struct StopAttempt {
  ExecutorKind executor = ExecutorKind::kAsync;
  AttemptId id;
  CancelMode mode = CancelMode::kAsk;

  friend bool operator==(const StopAttempt&, const StopAttempt&) = default;
};

// The attempts that executors have been given, and the one way in which any of
// them is stopped: asked, then forced after the grace. An attempt without a
// time limit costs one hash entry; one with costs O(log n) more.
//
// Thread: confined to the agent core.
// Lifetime: a value.
class RunningAttempts {
 public:
  // Between asking an attempt to stop and ending it by force.
  static constexpr Duration kKillGrace = std::chrono::seconds(1);

  // False if that very attempt still runs, which only happens if it was given
  // up and granted once more.
  bool Add(const AttemptId& id, ExecutorKind executor, MonotonicTime now,
           Duration timeout, WorkKey work = {});

  // Empty if it is not known, which an outcome may be that crossed with a
  // refused start.
  std::optional<RunningAttempt> Take(const AttemptId& id);

  // Asks at once. Of two reasons the first counts, except that kFenced always
  // wins. True if this call made a difference.
  bool Ask(const AttemptId& id, StopReason reason, MonotonicTime now);

  // The ids of a job, by index; within `tasks` and with `fence` where given.
  std::vector<AttemptId> OfJob(JobId job, std::optional<IndexRange> tasks,
                               std::optional<Fence> fence) const;
  std::vector<AttemptId> All() const;

  // Time-outs and ends of grace.
  void OnTime(MonotonicTime now);
  std::optional<MonotonicTime> next_time() const;

  // The stops since the last call, in the order decided.
  std::vector<StopAttempt> TakeStops() { return std::exchange(stops_, {}); }

  bool Contains(const AttemptId& id) const { return running_.contains(id); }
  size_t size() const { return running_.size(); }
  size_t size(ExecutorKind executor) const {
    return counts_[static_cast<size_t>(executor)];
  }

 private:
  absl::flat_hash_map<AttemptId, RunningAttempt> running_;
  std::set<std::pair<MonotonicTime, AttemptId>> due_;
  std::vector<StopAttempt> stops_;
  size_t counts_[kExecutorKinds] = {};
};

// How the attempt is recorded, given why it was asked to stop. What ended by
// itself within its time is recorded as it ended.
Ending JudgedEnding(const RunningAttempt& running, const Outcome& outcome);

}  // namespace remuda
