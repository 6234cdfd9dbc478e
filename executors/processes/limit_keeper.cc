#include "executors/processes/limit_keeper.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "executors/processes/control_groups.h"
#include "executors/processes/process_tree.h"

namespace remuda {
namespace {

// Memory without a group has to be looked at often, as nothing else stops it.
constexpr int kSampleMilliseconds = 50;

// With a group the kernel keeps the limit; looking tells who ran into it.
constexpr int kGroupLookMilliseconds = 100;

// Groups that wait for another process.
constexpr size_t kIdleGroupsMax = 64;

bool MakeOnce(const std::string& folder, bool* made) {
  if (*made) return true;
  *made = mkdir(folder.c_str(), 0755) == 0 || errno == EEXIST;
  return *made;
}

}  // namespace

LimitKeeper::~LimitKeeper() {
  kept_.clear();
  idle_.clear();
  if (made_memory_) RemoveGroup(folders_.memory);
  if (made_processes_) RemoveGroup(folders_.processes);
}

void LimitKeeper::Use(const ControlGroupPlaces& places,
                      const std::string& name) {
  folders_ = places;
  if (!folders_.memory.empty()) folders_.memory += "/" + name;
  if (!folders_.processes.empty()) folders_.processes += "/" + name;
}

std::vector<int> LimitKeeper::Prepare(uint64_t id,
                                      const ProcessLimits& limits) {
  if (!limits.any()) return {};
  Kept& kept = kept_[id];
  kept.limits = limits;
  kept.group = TakeGroup(limits);
  std::vector<int> entries;
  if (kept.group == nullptr) return entries;
  for (const UniqueFd& entry : kept.group->entries()) {
    entries.push_back(entry.get());
  }
  return entries;
}

// Null where none can be had: then looking has to do.
std::unique_ptr<LimitGroup> LimitKeeper::TakeGroup(
    const ProcessLimits& limits) {
  ProcessLimits by_group = limits;
  if (folders_.memory.empty()) by_group.memory_bytes = 0;
  if (folders_.processes.empty()) by_group.processes = 0;
  if (!by_group.any()) return nullptr;
  if (by_group.memory_bytes == 0) {
    for (auto group = idle_.begin(); group != idle_.end(); ++group) {
      if ((*group)->limits() != by_group) continue;
      std::unique_ptr<LimitGroup> taken = std::move(*group);
      idle_.erase(group);
      taken->Begin();
      return taken;
    }
  }
  if (by_group.processes != 0 &&
      !MakeOnce(folders_.processes, &made_processes_)) {
    return nullptr;
  }
  if (by_group.memory_bytes != 0 && !MakeOnce(folders_.memory, &made_memory_)) {
    return nullptr;
  }
  return LimitGroup::Make(folders_, std::to_string(++last_group_), by_group);
}

void LimitKeeper::Started(uint64_t id, pid_t pid) {
  const auto found = kept_.find(id);
  if (found != kept_.end()) found->second.pid = pid;
}

int LimitKeeper::look_milliseconds() const {
  if (kept_.empty()) return -1;
  const bool samples = std::any_of(
      kept_.begin(), kept_.end(),
      [](const auto& entry) { return entry.second.group == nullptr; });
  return samples ? kSampleMilliseconds : kGroupLookMilliseconds;
}

// Whether the processes themselves have to be looked at, which costs some
// microseconds for each on the machine.
bool LimitKeeper::NeedsTable() const {
  uint64_t least = 0;
  for (const auto& [id, kept] : kept_) {
    const ProcessLimits by_group =
        kept.group == nullptr ? ProcessLimits() : kept.group->limits();
    if (kept.limits.memory_bytes != by_group.memory_bytes) return true;
    if (kept.limits.processes == by_group.processes) continue;
    least = least == 0 ? kept.limits.processes
                       : std::min(least, kept.limits.processes);
  }
  if (least == 0) return false;
  // A tree that was small can only have become large by that many more.
  return saw_a_large_tree_ ||
         CountAllThreads() > threads_at_last_table_ + least / 2;
}

std::vector<uint64_t> LimitKeeper::Look() {
  std::vector<uint64_t> broken;
  std::vector<ProcessFacts> table;
  const bool samples = NeedsTable();
  if (samples) {
    threads_at_last_table_ = CountAllThreads();
    saw_a_large_tree_ = false;
    table = ReadProcesses();
  }
  for (auto& [id, kept] : kept_) {
    if (kept.broken != LimitBroken::kNone || kept.pid == 0) continue;
    if (kept.group != nullptr) kept.broken = kept.group->broken();
    if (samples && kept.broken == LimitBroken::kNone) {
      const TreeUse use = UseOfTree(kept.pid, table);
      kept.memory_seen_bytes =
          std::max(kept.memory_seen_bytes, use.memory_bytes);
      const ProcessLimits& limits = kept.limits;
      if (limits.processes != 0) {
        saw_a_large_tree_ |= use.threads > limits.processes / 2;
        if (use.threads > limits.processes) {
          kept.broken = LimitBroken::kProcesses;
        }
      }
      if (limits.memory_bytes != 0 && use.memory_bytes > limits.memory_bytes) {
        kept.broken = LimitBroken::kMemory;
      }
    }
    if (kept.broken != LimitBroken::kNone) broken.push_back(id);
  }
  return broken;
}

bool LimitKeeper::KillRest(uint64_t id) {
  const auto found = kept_.find(id);
  return found != kept_.end() && found->second.group != nullptr &&
         found->second.group->Kill();
}

LimitKeeper::Ended LimitKeeper::Forget(uint64_t id) {
  const auto found = kept_.find(id);
  if (found == kept_.end()) return {};
  Kept kept = std::move(found->second);
  kept_.erase(found);
  Ended ended{.broken = kept.broken,
              .memory_max_bytes = kept.memory_seen_bytes};
  if (kept.group == nullptr) return ended;
  if (ended.broken == LimitBroken::kNone) ended.broken = kept.group->broken();
  ended.memory_max_bytes =
      std::max(ended.memory_max_bytes, kept.group->memory_max_bytes());
  if (kept.group->is_reusable() && idle_.size() < kIdleGroupsMax) {
    idle_.push_back(std::move(kept.group));
  }
  return ended;
}

}  // namespace remuda
