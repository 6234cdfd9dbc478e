#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "coordinator/core/chunk.h"
#include "coordinator/core/delayed_tasks.h"
#include "jobs/ids.h"
#include "jobs/index_ranges.h"
#include "jobs/states.h"

namespace remuda {

// A range of tasks that went to one agent at one fence, until the last of
// them has ended or come back.
struct LiveGrant {
  GrantId id;
  JobId job;
  AgentId agent;
  IndexRange tasks;
  Fence fence;
  uint64_t running = 0;  // of its tasks, those that still run under it
  // So many from its first have begun, as far as the agent has said. Live only.
  uint64_t begun = 0;
  MonotonicTime granted_at{};  // live only; of an earlier term not known
};

// The tasks of one live job: which wait, run and have ended, and under which
// grants. Every change is one that an event records; MakeDue() alone follows
// the clock. Does not decide who gets a task or what follows a failure.
//
// A task's way: fresh (never granted; all from a cursor on), running, and then
// terminal, or again (may be granted at once), or delayed (waits for its
// back-off). Costs nothing for a fresh task, and per range for others.
//
// Thread: confined to its owner.
// Lifetime: pointers to live grants hold until the grant is done.
class JobTasks {
 public:
  // Tasks of a query that are alike.
  struct Piece {
    IndexRange tasks;
    TaskTries tries;
  };
  struct Running {
    std::vector<Piece> pieces;
    uint64_t tasks = 0;         // in all pieces
    uint64_t other_holder = 0;  // current, but not this agent's
  };
  struct Ended {
    std::vector<LiveGrant> grants_done;  // copies
    uint64_t begun = 0;                  // of the tasks that ended
  };
  struct ReadyRange {
    IndexRange tasks;
    Fence fence;  // of the grant to be made
  };
  // What an ended or returned try means for its tasks.
  struct Change {
    Fence fence;
    bool started = false;
    bool loss = false;
    bool handed_back = false;  // whatever was said before, it never started
    TaskState state = TaskState::kPending;
    WallTime not_before{};
  };
  struct ChunkBytes {
    uint64_t chunk = 0;
    uint64_t version = 0;
    std::string state;
  };

  explicit JobTasks(uint64_t total);

  uint64_t total() const { return total_; }
  uint64_t running() const { return running_; }
  uint64_t delayed() const { return delayed_; }
  // How many may be granted now.
  uint64_t ready() const;
  // Of these, how many never were.
  uint64_t fresh() const { return cancelled_ ? 0 : total_ - cursor_; }
  bool all_ended() const;
  // By TaskState; of a cancelled job, what waited counts as cancelled.
  std::array<uint64_t, kTaskStates> counts() const;

  // The next `count_max` tasks to grant: those due again first, then fresh
  // ones; at most `ranges_max` ranges, neighbours of one fence merged.
  std::vector<ReadyRange> NextReady(uint64_t count_max,
                                    size_t ranges_max) const;

  // What of `tasks` runs at `fence` under a grant of `agent`.
  Running RunningAt(IndexRange tasks, Fence fence, AgentId agent) const;
  std::vector<Piece> RunningUnder(const LiveGrant& grant) const;
  // The grant that covers the task at that fence; null if there is none.
  const LiveGrant* GrantAt(TaskIndex task, Fence fence) const;

  // The fence of the last try that ended, as in TaskTries.
  TaskTries tries(TaskIndex task) const;

  // What events do. The result of Grant() is that grant. All tasks given to
  // End() must be running at change.fence.
  LiveGrant* Grant(const LiveGrant& grant);
  Ended End(IndexRange tasks, const Change& change);
  void Cancel();

  // Says until when tasks wait that End() or Recover() found to have a
  // not_before; for each of them once. Forgotten by a cancel.
  void Delay(MonotonicTime due, IndexRange tasks);
  std::optional<MonotonicTime> next_due() const { return waits_.next_due(); }
  // The back-off of all that is due by `now` is over.
  void MakeDue(MonotonicTime now);

  // The chunks changed since the last call, each with its next version.
  std::vector<ChunkBytes> TakeChanged();

  // For a restart: all chunks and grants first, then Recover() once, which
  // finds what waits, and returns what of it has a not_before, for Delay().
  // Errors: DataLoss names what does not fit together.
  absl::Status RestoreChunk(uint64_t chunk, uint64_t version,
                            const std::string& state);
  absl::Status RestoreGrant(const LiveGrant& grant);
  absl::StatusOr<std::vector<Piece>> Recover(bool cancelled);

  std::map<std::pair<Fence, TaskIndex>, LiveGrant>& grants() { return grants_; }

  // Appends what two jobs that decide alike have alike.
  void AppendDigest(std::string& text) const;

 private:
  struct Chunk {
    ChunkState state;
    uint64_t version = 0;
    bool changed = false;
  };

  // Calls visit(first index, ChunkState::Run) for the runs within `tasks`.
  template <typename Visit>
  void ForEachRun(IndexRange tasks, Visit visit) const;
  Chunk& ChunkToChange(uint64_t chunk);
  void Settle(IndexRange tasks, const Change& change);
  Ended Uncount(IndexRange tasks, Fence fence);

  uint64_t total_;
  uint64_t cursor_ = 0;  // all from here on are fresh
  bool cancelled_ = false;
  uint64_t running_ = 0;
  std::array<uint64_t, kTaskStates> ended_{};
  std::vector<Chunk> chunks_;  // up to the last one touched
  std::vector<uint64_t> changed_;
  IndexRanges again_;
  uint64_t delayed_ = 0;  // tasks with a not_before, not due yet
  DelayedTasks waits_;    // when they are
  // Grants with one fence never overlap.
  std::map<std::pair<Fence, TaskIndex>, LiveGrant> grants_;
};

}  // namespace remuda
