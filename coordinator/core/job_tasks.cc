#include "coordinator/core/job_tasks.h"

#include <algorithm>

#include "base/check.h"

namespace remuda {
namespace {

uint64_t EndOf(IndexRange range) { return range.first + range.count; }

// Appends, or lengthens the last range when it is a neighbour that is alike.
void AppendReady(std::vector<JobTasks::ReadyRange>& ranges, IndexRange tasks,
                 Fence fence) {
  if (!ranges.empty() && ranges.back().fence == fence &&
      EndOf(ranges.back().tasks) == tasks.first) {
    ranges.back().tasks.count += tasks.count;
    return;
  }
  ranges.push_back({.tasks = tasks, .fence = fence});
}

void AppendPiece(std::vector<JobTasks::Piece>& pieces, IndexRange tasks,
                 const TaskTries& tries) {
  if (!pieces.empty() && pieces.back().tries == tries &&
      EndOf(pieces.back().tasks) == tasks.first) {
    pieces.back().tasks.count += tasks.count;
    return;
  }
  pieces.push_back({.tasks = tasks, .tries = tries});
}

}  // namespace

JobTasks::JobTasks(uint64_t total) : total_(total) {}

template <typename Visit>
void JobTasks::ForEachRun(IndexRange tasks, Visit visit) const {
  const uint64_t end = EndOf(tasks);
  for (uint64_t at = tasks.first; at < end;) {
    const uint64_t chunk = ChunkOf(at);
    const uint64_t base = chunk * kTasksPerChunk;
    if (chunk >= chunks_.size()) {
      ChunkState::Run run;
      run.count = end - at;
      visit(at, run);
      return;
    }
    const uint64_t until = std::min(end - base, kTasksPerChunk);
    const ChunkState::Run run = chunks_[chunk].state.RunFrom(at - base, until);
    visit(at, run);
    at += run.count;
  }
}

uint64_t JobTasks::ready() const {
  if (cancelled_) return 0;
  return again_.size() + (total_ - cursor_);
}

bool JobTasks::all_ended() const {
  if (running_ > 0) return false;
  return cancelled_ || (ready() == 0 && delayed_ == 0);
}

std::array<uint64_t, kTaskStates> JobTasks::counts() const {
  std::array<uint64_t, kTaskStates> counts = ended_;
  uint64_t waiting = total_ - running_;
  for (const uint64_t ended : ended_) waiting -= ended;
  counts[static_cast<size_t>(TaskState::kRunning)] = running_;
  counts[static_cast<size_t>(cancelled_ ? TaskState::kCancelled
                                        : TaskState::kPending)] += waiting;
  return counts;
}

std::vector<JobTasks::ReadyRange> JobTasks::NextReady(uint64_t count_max,
                                                      size_t ranges_max) const {
  std::vector<ReadyRange> ranges;
  if (cancelled_) return ranges;
  uint64_t left = count_max;
  for (const IndexRange waiting : again_.ranges()) {
    if (left == 0 || ranges.size() >= ranges_max) return ranges;
    const uint64_t count = std::min(waiting.count, left);
    left -= count;
    ForEachRun({.first = waiting.first, .count = count},
               [&ranges](uint64_t first, const ChunkState::Run& run) {
                 AppendReady(ranges, {.first = first, .count = run.count},
                             Fence{run.tries.fence + 1});
               });
    if (ranges.size() > ranges_max) {
      ranges.resize(ranges_max);
      return ranges;
    }
  }
  const uint64_t fresh = std::min(left, total_ - cursor_);
  if (fresh > 0 && ranges.size() < ranges_max) {
    AppendReady(ranges, {.first = cursor_, .count = fresh}, Fence{1});
  }
  return ranges;
}

JobTasks::Running JobTasks::RunningAt(IndexRange tasks, Fence fence,
                                      AgentId agent) const {
  Running running;
  const uint64_t end = EndOf(tasks);
  auto at = grants_.upper_bound({fence, tasks.first});
  if (at != grants_.begin()) {
    const auto before = std::prev(at);
    if (before->first.first == fence &&
        EndOf(before->second.tasks) > tasks.first) {
      at = before;
    }
  }
  for (; at != grants_.end() && at->first.first == fence &&
         at->first.second < end;
       ++at) {
    const LiveGrant& grant = at->second;
    const uint64_t first = std::max(grant.tasks.first, tasks.first);
    const uint64_t until = std::min(EndOf(grant.tasks), end);
    ForEachRun({.first = first, .count = until - first},
               [&](uint64_t from, const ChunkState::Run& run) {
                 if (run.state != TaskState::kPending) return;
                 if (run.tries.fence + 1 != fence.value) return;
                 if (grant.agent != agent) {
                   running.other_holder += run.count;
                   return;
                 }
                 AppendPiece(running.pieces,
                             {.first = from, .count = run.count}, run.tries);
                 running.tasks += run.count;
               });
  }
  return running;
}

std::vector<JobTasks::Piece> JobTasks::RunningUnder(
    const LiveGrant& grant) const {
  return RunningAt(grant.tasks, grant.fence, grant.agent).pieces;
}

const LiveGrant* JobTasks::GrantAt(TaskIndex task, Fence fence) const {
  const auto next = grants_.upper_bound({fence, task});
  if (next == grants_.begin()) return nullptr;
  const LiveGrant& grant = std::prev(next)->second;
  return grant.fence == fence && EndOf(grant.tasks) > task ? &grant : nullptr;
}

TaskTries JobTasks::tries(TaskIndex task) const {
  CHECK(task < total_);
  TaskTries tries;
  ForEachRun(
      {.first = task, .count = 1},
      [&tries](uint64_t, const ChunkState::Run& run) { tries = run.tries; });
  return tries;
}

LiveGrant* JobTasks::Grant(const LiveGrant& grant) {
  CHECK(!cancelled_ && EndOf(grant.tasks) <= total_);
  if (grant.fence.value == 1) {
    CHECK(grant.tasks.first == cursor_);
    cursor_ = EndOf(grant.tasks);
  } else {
    again_.Remove(grant.tasks);
  }
  running_ += grant.tasks.count;
  const auto [at, is_new] =
      grants_.try_emplace({grant.fence, grant.tasks.first}, grant);
  CHECK(is_new);
  at->second.running = grant.tasks.count;
  return &at->second;
}

JobTasks::Ended JobTasks::End(IndexRange tasks, const Change& change) {
  CHECK(EndOf(tasks) <= total_);
  const uint64_t end = EndOf(tasks);
  for (uint64_t at = tasks.first; at < end;) {
    const uint64_t until = std::min(end, (ChunkOf(at) + 1) * kTasksPerChunk);
    Settle({.first = at, .count = until - at}, change);
    at = until;
  }
  running_ -= tasks.count;
  if (change.state != TaskState::kPending) {
    ended_[static_cast<size_t>(change.state)] += tasks.count;
  } else if (!cancelled_ && change.not_before > WallTime{}) {
    delayed_ += tasks.count;
  } else if (!cancelled_) {
    again_.Add(tasks);
  }
  return Uncount(tasks, change.fence);
}

// Records `change` for tasks within one chunk.
void JobTasks::Settle(IndexRange tasks, const Change& change) {
  const uint64_t number = ChunkOf(tasks.first);
  const uint64_t base = number * kTasksPerChunk;
  ChunkState& chunk = ChunkToChange(number).state;
  const uint64_t end = EndOf(tasks) - base;
  for (uint64_t at = tasks.first - base; at < end;) {
    const ChunkState::Run run = chunk.RunFrom(at, end);
    CHECK(run.state == TaskState::kPending);
    CHECK(run.tries.fence + 1 == change.fence.value);
    TaskTries tries = run.tries;
    tries.fence = change.fence.value;
    tries.attempts += change.started ? 1 : 0;
    tries.losses += change.loss ? 1 : 0;
    tries.not_before = change.not_before;
    chunk.Set(at, run.count, change.state, tries);
    at += run.count;
  }
}

JobTasks::Chunk& JobTasks::ChunkToChange(uint64_t chunk) {
  if (chunk >= chunks_.size()) chunks_.resize(chunk + 1);
  Chunk& entry = chunks_[chunk];
  if (!entry.changed) {
    entry.changed = true;
    changed_.push_back(chunk);
  }
  return entry;
}

JobTasks::Ended JobTasks::Uncount(IndexRange tasks, Fence fence) {
  Ended ended;
  const uint64_t end = EndOf(tasks);
  for (uint64_t first = tasks.first; first < end;) {
    const auto next = grants_.upper_bound({fence, first});
    CHECK(next != grants_.begin());
    const auto at = std::prev(next);
    LiveGrant& grant = at->second;
    CHECK(grant.fence == fence && EndOf(grant.tasks) > first);
    const uint64_t until = std::min(end, EndOf(grant.tasks));
    const uint64_t begun_end = grant.tasks.first + grant.begun;
    ended.begun += std::clamp(begun_end, first, until) - first;
    CHECK(grant.running >= until - first);
    grant.running -= until - first;
    if (grant.running == 0) {
      ended.grants_done.push_back(grant);
      grants_.erase(at);
    }
    first = until;
  }
  return ended;
}

void JobTasks::Cancel() {
  cancelled_ = true;
  again_.Clear();
  delayed_ = 0;
  waits_.Clear();
}

void JobTasks::Delay(MonotonicTime due, IndexRange tasks) {
  if (!cancelled_) waits_.Add(due, tasks);
}

void JobTasks::MakeDue(MonotonicTime now) {
  for (const IndexRange due : waits_.TakeDue(now)) {
    CHECK(delayed_ >= due.count);
    delayed_ -= due.count;
    again_.Add(due);
  }
}

std::vector<JobTasks::ChunkBytes> JobTasks::TakeChanged() {
  std::vector<ChunkBytes> bytes;
  bytes.reserve(changed_.size());
  std::sort(changed_.begin(), changed_.end());
  for (const uint64_t number : changed_) {
    Chunk& chunk = chunks_[number];
    chunk.changed = false;
    bytes.push_back({.chunk = number,
                     .version = ++chunk.version,
                     .state = chunk.state.Encode()});
  }
  changed_.clear();
  return bytes;
}

absl::Status JobTasks::RestoreChunk(uint64_t chunk, uint64_t version,
                                    const std::string& state) {
  if (total_ == 0 || chunk > ChunkOf(total_ - 1)) {
    return absl::DataLossError("a chunk lies outside the job");
  }
  absl::StatusOr<ChunkState> decoded = ChunkState::Decode(state);
  if (!decoded.ok()) return decoded.status();
  const uint64_t used =
      std::min(total_ - chunk * kTasksPerChunk, kTasksPerChunk);
  if (used < kTasksPerChunk) {
    const ChunkState::Run rest = decoded->RunFrom(used, kTasksPerChunk);
    if (rest.count != kTasksPerChunk - used ||
        rest.state != TaskState::kPending || rest.tries != TaskTries{}) {
      return absl::DataLossError("a chunk speaks of tasks outside the job");
    }
  }
  if (chunk >= chunks_.size()) chunks_.resize(chunk + 1);
  chunks_[chunk].state = *std::move(decoded);
  chunks_[chunk].version = version;
  return absl::OkStatus();
}

absl::Status JobTasks::RestoreGrant(const LiveGrant& grant) {
  if (grant.tasks.count == 0 || grant.tasks.count > total_ ||
      grant.tasks.first > total_ - grant.tasks.count ||
      grant.fence.value == 0) {
    return absl::DataLossError("a grant lies outside its job");
  }
  const auto [at, is_new] =
      grants_.try_emplace({grant.fence, grant.tasks.first}, grant);
  const bool overlaps_before =
      at != grants_.begin() && std::prev(at)->first.first == grant.fence &&
      EndOf(std::prev(at)->second.tasks) > grant.tasks.first;
  const auto next = std::next(at);
  const bool overlaps_next = next != grants_.end() &&
                             next->first.first == grant.fence &&
                             next->first.second < EndOf(grant.tasks);
  if (!is_new || overlaps_before || overlaps_next) {
    return absl::DataLossError("two live grants share a task and a fence");
  }
  cursor_ = std::max(cursor_, EndOf(grant.tasks));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<JobTasks::Piece>> JobTasks::Recover(bool cancelled) {
  IndexRanges running;
  for (auto& [place, grant] : grants_) {
    grant.running = 0;
    for (const Piece& piece : RunningUnder(grant)) {
      grant.running += piece.tasks.count;
      running.Add(piece.tasks);
    }
    if (grant.running == 0) {
      return absl::DataLossError("a grant under which nothing runs");
    }
    running_ += grant.running;
  }
  const IndexRange touched = {
      .first = 0, .count = std::min(total_, chunks_.size() * kTasksPerChunk)};
  ForEachRun(touched, [this](uint64_t first, const ChunkState::Run& run) {
    if (run.state == TaskState::kPending && run.tries.fence == 0) return;
    cursor_ = std::max(cursor_, first + run.count);
    if (run.state != TaskState::kPending) {
      ended_[static_cast<size_t>(run.state)] += run.count;
    }
  });
  bool hole = false;
  std::vector<Piece> delayed;
  const auto wait = [&](uint64_t first, const ChunkState::Run& run) {
    if (run.state != TaskState::kPending) return;
    IndexRanges waiting({.first = first, .count = run.count});
    for (const IndexRange part :
         running.Intersect({.first = first, .count = run.count})) {
      waiting.Remove(part);
    }
    for (const IndexRange part : waiting.ranges()) {
      if (run.tries.fence == 0) hole = true;
      if (run.tries.not_before > WallTime{}) {
        delayed_ += part.count;
        AppendPiece(delayed, part, run.tries);
      } else {
        again_.Add(part);
      }
    }
  };
  ForEachRun({.first = 0, .count = cursor_}, wait);
  if (hole && !cancelled) {
    return absl::DataLossError("tasks that were granted have no grant");
  }
  if (cancelled) {
    Cancel();
    delayed.clear();
  }
  return delayed;
}

void JobTasks::AppendDigest(std::string& text) const {
  const auto number = [&text](uint64_t value) {
    text += std::to_string(value);
    text += ' ';
  };
  number(total_);
  number(cursor_);
  number(cancelled_ ? 1 : 0);
  for (const uint64_t count : counts()) number(count);
  for (size_t i = 0; i < chunks_.size(); ++i) {
    if (chunks_[i].state.untouched()) continue;
    number(i);
    text += chunks_[i].state.Encode();
  }
  for (const auto& [place, grant] : grants_) {
    number(grant.id.value);
    number(grant.agent.value);
    number(grant.tasks.first);
    number(grant.tasks.count);
    number(grant.fence.value);
    number(grant.running);
  }
  text += '\n';
}

}  // namespace remuda
