#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "jobs/ids.h"
#include "jobs/states.h"

namespace remuda {

// What is remembered of a task's tries beside its state.
struct TaskTries {
  uint32_t fence = 0;     // of the last try that ended; 0: none did
  uint32_t attempts = 0;  // tries that started, losses included
  uint32_t losses = 0;    // of these, the ones lost by no fault of the task
  WallTime not_before{};  // of the next try; the epoch: at once

  friend bool operator==(const TaskTries&, const TaskTries&) = default;

  // What goes without saying: nothing for a task that waits or runs for the
  // first time, one try for a terminal one.
  static TaskTries Usual(TaskState state);
};

// The state of kTasksPerChunk neighbouring tasks of one job, as the core keeps
// it and the store writes it. A task is kPending here until it is terminal:
// whether it runs follows from the live grants, because a grant with fence
// tries.fence + 1 covers it or none does (docs/JOB_STATES.md). Granting a task
// thus changes nothing here.
//
// Tasks that are alike cost nothing each: a chunk whose tasks all have one
// state keeps no bits, and only tasks whose tries are not the usual ones are
// listed, in runs. Does not decide which transition is right.
//
// Thread: confined to its owner.
// Lifetime: a value that can be moved.
class ChunkState {
 public:
  // Neighbours that are alike in everything.
  struct Run {
    uint64_t first = 0;  // within the chunk
    uint64_t count = 0;
    TaskState state = TaskState::kPending;
    TaskTries tries;
  };

  TaskState state(uint64_t offset) const;
  TaskTries tries(uint64_t offset) const;

  // The tasks from `offset` on that are like it; ends before `end`.
  Run RunFrom(uint64_t offset, uint64_t end) const;

  void Set(uint64_t first, uint64_t count, TaskState state,
           const TaskTries& tries);

  // Nothing ever ended here.
  bool untouched() const;

  // False if a task that was terminal in `before` is not the same now.
  bool KeepsTerminal(const ChunkState& before) const;

  // The same state always gives the same bytes:
  //   1 byte   format, 1
  //   1 byte   layout of the states: 0 runs, 1 raw (the shorter one)
  //   runs:    varints of (length * 16 + state), together kTasksPerChunk tasks
  //   raw:     kTasksPerChunk / 2 bytes, the earlier task in the low half
  //   varint   number of runs of tries that are not the usual ones, then each
  //            as varints: gap to the end of the run before, length, fence,
  //            attempts, losses, not_before in nanoseconds since the epoch
  std::string Encode() const;

  // Errors: DataLoss for bytes that Encode() cannot have written.
  static absl::StatusOr<ChunkState> Decode(const std::string& bytes);

 private:
  static constexpr uint64_t kTasksPerWord = 16;
  using Words = std::array<uint64_t, kTasksPerChunk / kTasksPerWord>;

  // Flat, so that it fills 24 bytes: a job of many tasks that fail has one for
  // each of them.
  class TriesRun {
   public:
    TriesRun(uint64_t first, uint64_t count, const TaskTries& tries);
    uint64_t first() const { return first_; }
    uint64_t end() const { return uint64_t{first_} + count_; }
    TaskTries tries() const;
    void ExtendTo(uint64_t end);

   private:
    uint16_t first_;
    uint16_t count_;
    uint32_t fence_;
    uint32_t attempts_;
    uint32_t losses_;
    WallTime not_before_;
  };

  void SetState(uint64_t first, uint64_t count, TaskState state);
  void SetTries(uint64_t first, uint64_t count, const TaskTries* tries);
  uint64_t EndOfState(uint64_t offset, uint64_t end) const;
  // The first run of unusual tries that ends after `offset`.
  size_t TriesAfter(uint64_t offset) const;

  TaskState uniform_ = TaskState::kPending;  // of all, if there are no words
  std::unique_ptr<Words> words_;             // 4 bits a task
  std::vector<TriesRun> unusual_;            // sorted, disjoint, merged
};

}  // namespace remuda
