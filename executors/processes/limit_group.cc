#include "executors/processes/limit_group.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
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

UniqueFd OpenToRead(const std::string& path) {
  return UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

// The whole of a file that is some words long.
std::string Again(const UniqueFd& fd) {
  std::array<char, 256> bytes;
  const ssize_t count = pread(fd.get(), bytes.data(), bytes.size(), 0);
  return {bytes.data(), count > 0 ? static_cast<size_t>(count) : 0};
}

}  // namespace

std::unique_ptr<LimitGroup> LimitGroup::Make(const ControlGroupPlaces& folders,
                                             const std::string& name,
                                             const ProcessLimits& limits) {
  std::unique_ptr<LimitGroup> group(new LimitGroup(folders.version, limits));
  if (limits.processes != 0 &&
      !group->LimitProcesses(folders.processes + "/" + name)) {
    return nullptr;
  }
  if (limits.memory_bytes != 0 &&
      !group->LimitMemory(folders.memory + "/" + name)) {
    return nullptr;
  }
  group->Begin();
  return group;
}

bool LimitGroup::LimitProcesses(const std::string& folder) {
  if (!MakeFolder(folder)) return false;
  processes_folder_ = folder;
  processes_now_ = OpenToRead(folder + "/pids.current");
  processes_events_ = OpenToRead(folder + "/pids.events");
  return processes_now_.valid() && processes_events_.valid() &&
         WriteGroupFile(folder + "/pids.max",
                        std::to_string(limits_.processes)) &&
         Enter(folder);
}

bool LimitGroup::LimitMemory(const std::string& folder) {
  const std::string bytes = std::to_string(limits_.memory_bytes);
  if (!MakeFolder(folder)) return false;
  memory_folder_ = folder;
  if (version_ == 1) {
    if (!WriteGroupFile(folder + "/memory.limit_in_bytes", bytes)) return false;
    // Not every kernel has the next ones; without them the limit still holds.
    WriteGroupFile(folder + "/memory.memsw.limit_in_bytes", bytes);
    return Enter(folder);
  }
  if (!WriteGroupFile(folder + "/memory.max", bytes)) return false;
  WriteGroupFile(folder + "/memory.swap.max", "0");
  WriteGroupFile(folder + "/memory.oom.group", "1");
  return processes_folder_ == folder || Enter(folder);
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
  return NumberIn(Again(processes_events_), "max");
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

// The kernel's own count is the cheapest to ask; it holds what is dead and not
// yet reaped too.
bool LimitGroup::IsEmpty() const {
  if (processes_folder_.empty())
    return ReadGroupMembers(memory_folder_).empty();
  return Again(processes_now_) == "0\n" ||
         ReadGroupMembers(processes_folder_).empty();
}

bool LimitGroup::Kill() {
  if (IsEmpty()) return false;
  const std::string& folder =
      processes_folder_.empty() ? memory_folder_ : processes_folder_;
  killed_ = true;
  if (!processes_folder_.empty()) {
    WriteGroupFile(processes_folder_ + "/pids.max", "0");
  }
  return KillGroupMembers(folder);
}

}  // namespace remuda
