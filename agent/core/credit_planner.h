#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "base/clock.h"
#include "jobs/work_key.h"
#include "wire/messages.h"

namespace remuda {

// How many tasks of one executor the agent is willing to hold: its slots, and
// for work that has proved short a backlog that hides the way to the
// coordinator and back (docs/CONTRACTS.md, Credit). Learns the pace of each
// kind of work by itself. Does not know whether the agent drains or its spool
// is full.
//
// Thread: confined to the agent core.
// Lifetime: a value.
class CreditPlanner {
 public:
  // The backlog is this much work at the measured pace, and none of tasks that
  // take longer; doubled when that was too little, up to kHeldMax of work...
  static constexpr Duration kHidden = std::chrono::milliseconds(50);
  static constexpr Duration kHeldMax = std::chrono::seconds(1);
  // ...and never more than this.
  static constexpr uint64_t kBacklogMax = 64 * 1024;
  // Kinds of work remembered, and told; more only while they run.
  static constexpr size_t kWorksMax = 40;

  // Tasks that wait, by their work.
  using Waiting = std::map<WorkKey, uint64_t>;

  explicit CreditPlanner(uint64_t slots);

  void OnStarted(MonotonicTime now, WorkKey work, uint64_t count);
  // They were said to have started and have not.
  void OnNotStarted(WorkKey work, uint64_t count);
  // `count` attempts ended, which ran for `wall` together.
  void OnEnded(MonotonicTime now, WorkKey work, uint64_t count, Duration wall);

  // Work came. If the executor had run dry although the coordinator had used
  // up the credit, then the backlog was too small.
  void OnGranted(size_t waiting, size_t running, uint64_t tasks);

  // What is believed of the pace was wrong: all work is unknown from now on.
  void Forget(MonotonicTime now);

  // Every heartbeat: what was learnt from running dry fades.
  void Fade();

  // The backlog is the least of those of the work held, or of the last one.
  // There is none while tasks that are not known to be short take all slots.
  uint64_t tasks(const Waiting& waiting) const;
  uint64_t BacklogOf(WorkKey work) const;
  // Of work that has one, by key.
  std::vector<Backlog> backlogs(ExecutorKind executor) const;

  // Whether the coordinator should hear of it before the next heartbeat.
  bool IsNews(uint64_t credit) const;
  // That much credit and all backlogs were told.
  void OnAnnounced(uint64_t credit);

 private:
  struct Work {
    uint64_t running = 0;
    uint64_t used = 0;  // rises with each use
    uint64_t announced = 0;
    bool is_short = false;

    // Averages over windows of work.
    double ends_per_second = 0;
    double wall_seconds = 0;

    MonotonicTime window_start{};
    uint64_t window_ends = 0;
    Duration window_wall = Duration::zero();
  };

  Work& Use(WorkKey work);
  void CloseWindow(Work& work, WorkKey key, Duration elapsed);
  uint64_t BacklogOf(const Work& work) const;

  uint64_t slots_;
  uint64_t announced_ = 0;
  uint64_t held_max_ = 0;  // since the executor ran dry last
  uint64_t boost_ = 1;
  bool dry_since_fade_ = false;
  uint64_t uses_ = 0;
  std::map<WorkKey, Work> works_;
  WorkKey last_short_;
};

}  // namespace remuda
