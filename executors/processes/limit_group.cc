#include "executors/processes/limit_group.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "executors/processes/control_groups.h"
#include "executors/processes/group_files.h"

namespace remuda {
namespace {

bool MakeFolder(const std::string& path) {
  return mkdir(path.c_str(), 0755) == 0 || errno == EEXIST;
}

uint64_t ReadNumber(const std::string& path) {
  return NumberIn("n " + ReadGroupFile(path), "n");
}

}  // namespace

std::unique_ptr<LimitGroup> LimitGroup::Make(const ControlGroupPlaces& folders,
                                             const std::string& name,
                                             const ProcessLimits& limits) {
  std::unique_ptr<LimitGroup> group(new LimitGroup(folders.version, limits));
  const bool one_folder = folders.version == 2;
  if (limits.processes != 0) {
    const std::string folder = folders.processes + "/" + name;
    if (!MakeFolder(folder)) return nullptr;
    group->processes_folder_ = folder;
    if (!WriteGroupFile(folder + "/pids.max",
                        std::to_string(limits.processes)) ||
        !group->Enter(folder)) {
      return nullptr;
    }
  }
  if (limits.memory_bytes != 0) {
    const std::string folder = folders.memory + "/" + name;
    const std::string bytes = std::to_string(limits.memory_bytes);
    if (!MakeFolder(folder)) return nullptr;
    group->memory_folder_ = folder;
    if (one_folder) {
      if (!WriteGroupFile(folder + "/memory.max", bytes)) return nullptr;
      // Not every kernel has these, and without them the limit still holds.
      WriteGroupFile(folder + "/memory.swap.max", "0");
      WriteGroupFile(folder + "/memory.oom.group", "1");
    } else {
      if (!WriteGroupFile(folder + "/memory.limit_in_bytes", bytes)) {
        return nullptr;
      }
      WriteGroupFile(folder + "/memory.memsw.limit_in_bytes", bytes);
    }
    const bool is_in = one_folder && limits.processes != 0;
    if (!is_in && !group->Enter(folder)) return nullptr;
  }
  group->Begin();
  return group;
}

LimitGroup::~LimitGroup() {
  entries_.clear();
  if (!processes_folder_.empty()) {
    Kill();
    RemoveGroup(processes_folder_);
  }
  if (!memory_folder_.empty() && memory_folder_ != processes_folder_) {
    RemoveGroup(memory_folder_);
  }
}

// In version 1 a thread may move by itself, for which the kernel need not wait
// until all forks of the machine have paused; the child has one thread.
bool LimitGroup::Enter(const std::string& folder) {
  const std::string path =
      folder + (version_ == 1 ? "/tasks" : "/cgroup.procs");
  entries_.emplace_back(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return entries_.back().valid();
}

void LimitGroup::Begin() {
  memory_kills_before_ = MemoryKills();
  refused_forks_before_ = RefusedForks();
}

uint64_t LimitGroup::MemoryKills() const {
  if (memory_folder_.empty()) return 0;
  const char* file = version_ == 1 ? "/memory.oom_control" : "/memory.events";
  return NumberIn(ReadGroupFile(memory_folder_ + file), "oom_kill");
}

uint64_t LimitGroup::RefusedForks() const {
  if (processes_folder_.empty()) return 0;
  return NumberIn(ReadGroupFile(processes_folder_ + "/pids.events"), "max");
}

LimitBroken LimitGroup::broken() const {
  if (MemoryKills() > memory_kills_before_) return LimitBroken::kMemory;
  if (RefusedForks() > refused_forks_before_) return LimitBroken::kProcesses;
  return LimitBroken::kNone;
}

uint64_t LimitGroup::memory_max_bytes() const {
  if (memory_folder_.empty()) return 0;
  return ReadNumber(memory_folder_ + (version_ == 1
                                          ? "/memory.max_usage_in_bytes"
                                          : "/memory.peak"));
}

bool LimitGroup::Kill() {
  const std::string& folder =
      processes_folder_.empty() ? memory_folder_ : processes_folder_;
  if (ReadGroupMembers(folder).empty()) return false;
  killed_ = true;
  if (!processes_folder_.empty()) {
    WriteGroupFile(processes_folder_ + "/pids.max", "0");
  }
  return KillGroupMembers(folder);
}

}  // namespace remuda
