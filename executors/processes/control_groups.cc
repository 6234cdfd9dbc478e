#include "executors/processes/control_groups.h"

#include <dirent.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <system_error>
#include <utility>
#include <vector>

#include "executors/processes/group_files.h"
#include "executors/processes/process_tree.h"

namespace remuda {
namespace {

constexpr std::string_view kNamePrefix = "remuda-";

// How often a group is asked to be gone, once all in it were killed.
constexpr int kRemoveTriesMax = 200;
constexpr int kRemovePauseMilliseconds = 5;

// Where a hierarchy is to be found and where in it this process is.
struct Hierarchy {
  std::string mount;
  std::string root;  // what of the hierarchy is mounted there
  std::string own;
};

bool HasWord(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const std::string_view first = list.substr(0, list.find_first_of(", \n"));
    if (first == word) return true;
    list.remove_prefix(std::min(list.size(), first.size() + 1));
  }
  return false;
}

// The group of this process in the hierarchy that `controller` belongs to; of
// version 2 if that is empty.
std::optional<std::string> OwnGroup(const std::string& cgroup_file,
                                    std::string_view controller) {
  std::istringstream lines(ReadGroupFile(cgroup_file));
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string names = line.substr(first + 1, second - first - 1);
    const bool is_it = controller.empty() ? line.starts_with("0::")
                                          : HasWord(names, controller);
    if (is_it) return line.substr(second + 1);
  }
  return std::nullopt;
}

// A line of mountinfo: "... root mount-point ... - type source options".
std::optional<Hierarchy> FindMount(const std::string& mountinfo_file,
                                   std::string_view controller) {
  std::istringstream lines(ReadGroupFile(mountinfo_file));
  for (std::string line; std::getline(lines, line);) {
    const size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream head(line.substr(0, dash));
    std::istringstream tail(line.substr(dash + 3));
    std::string ignored;
    std::string type;
    std::string options;
    Hierarchy found;
    head >> ignored >> ignored >> ignored >> found.root >> found.mount;
    tail >> type >> ignored >> options;
    const bool is_it = controller.empty()
                           ? type == "cgroup2"
                           : type == "cgroup" && HasWord(options, controller);
    if (is_it) return found;
  }
  return std::nullopt;
}

// Empty if there is none, or it cannot be seen from here.
std::string OwnFolder(const ControlGroupOptions& options,
                      std::string_view controller) {
  std::optional<Hierarchy> hierarchy =
      FindMount(options.mountinfo_file, controller);
  if (!hierarchy) return "";
  if (!options.parent.empty()) return hierarchy->mount + "/" + options.parent;
  std::optional<std::string> own = OwnGroup(options.cgroup_file, controller);
  if (!own) return "";
  // In a container the mount shows a part of the hierarchy only.
  if (hierarchy->root != "/" && own->starts_with(hierarchy->root)) {
    *own = own->substr(hierarchy->root.size());
  }
  return *own == "/" ? hierarchy->mount : hierarchy->mount + *own;
}

std::string WhyNotWritable(const std::string& folder) {
  if (access(folder.c_str(), W_OK | X_OK) == 0) return "";
  return folder + ": " + std::strerror(errno);
}

bool IsOurs(pid_t pid) {
  for (int generations = 0; pid > 0 && generations < 64; ++generations) {
    if (pid == getpid()) return true;
    const std::optional<ProcessFacts> facts = ReadProcess(pid);
    if (!facts) return true;  // gone by now
    pid = facts->parent;
  }
  return false;
}

// A group with controllers for the groups below it may hold no process itself,
// so ours move below. Empty if that worked, or was not needed.
std::string EnableBelow(const std::string& folder) {
  const std::string control = folder + "/cgroup.subtree_control";
  const std::string enabled = ReadGroupFile(control);
  if (HasWord(enabled, "memory") && HasWord(enabled, "pids")) return "";
  const std::vector<pid_t> members = ReadGroupMembers(folder);
  for (const pid_t pid : members) {
    if (!IsOurs(pid)) {
      return folder +
             " holds processes of others; give the agent a group of "
             "its own (systemd: Delegate=yes)";
    }
  }
  const std::string below = folder + "/" + OwnGroupName("agent");
  mkdir(below.c_str(), 0755);
  for (const pid_t pid : members) {
    WriteGroupFile(below + "/cgroup.procs", std::to_string(pid));
  }
  if (WriteGroupFile(control, "+memory +pids")) return "";
  const std::string why = folder + ": " + std::strerror(errno);
  for (const pid_t pid : members) {
    WriteGroupFile(folder + "/cgroup.procs", std::to_string(pid));
  }
  rmdir(below.c_str());
  return why;
}

ControlGroupPlaces FindVersion2(const ControlGroupOptions& options) {
  ControlGroupPlaces places;
  const std::string folder = OwnFolder(options, "");
  if (folder.empty()) {
    places.missing_reason = "this machine has no control groups";
    return places;
  }
  const std::string offered = ReadGroupFile(folder + "/cgroup.controllers");
  if (!HasWord(offered, "memory") || !HasWord(offered, "pids")) {
    places.missing_reason =
        folder + " has no controllers for memory and processes";
    return places;
  }
  places.missing_reason = WhyNotWritable(folder);
  if (places.missing_reason.empty()) {
    places.missing_reason = EnableBelow(folder);
  }
  if (!places.missing_reason.empty()) return places;
  places.version = 2;
  places.memory = places.processes = folder;
  return places;
}

ControlGroupPlaces FindVersion1(const ControlGroupOptions& options) {
  ControlGroupPlaces places;
  const std::pair<const char*, std::string*> wanted[] = {
      {"memory", &places.memory}, {"pids", &places.processes}};
  for (const auto& [controller, folder] : wanted) {
    *folder = OwnFolder(options, controller);
    std::string why = folder->empty()
                          ? std::string("there is no controller ") + controller
                          : WhyNotWritable(*folder);
    if (why.empty()) {
      places.version = 1;
      continue;
    }
    folder->clear();
    places.missing_reason = std::move(why);
  }
  return places;
}

// Process numbers mean something in one namespace only.
uint64_t ProcessNamespace() {
  struct stat facts {};
  return stat("/proc/self/ns/pid", &facts) == 0 ? facts.st_ino : 0;
}

// Whether the process that the group's name tells of, by namespace, number and
// start, is gone. One of another namespace cannot be seen from here.
bool IsLeft(std::string_view name) {
  name.remove_prefix(kNamePrefix.size());
  std::array<uint64_t, 3> numbers{};
  for (uint64_t& number : numbers) {
    const char* end = name.data() + name.size();
    const auto read = std::from_chars(name.data(), end, number);
    if (read.ec != std::errc() || read.ptr == end || *read.ptr != '-') {
      return false;
    }
    name.remove_prefix(static_cast<size_t>(read.ptr - name.data()) + 1);
  }
  const auto [place, pid, start] = numbers;
  if (place != ProcessNamespace()) return false;
  const std::optional<ProcessFacts> facts =
      ReadProcess(static_cast<pid_t>(pid));
  return !facts || facts->start_time != start;
}

std::vector<std::string> FoldersIn(const std::string& folder) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> open(opendir(folder.c_str()),
                                                 closedir);
  if (open == nullptr) return names;
  while (const dirent* entry = readdir(open.get())) {
    const std::string name = entry->d_name;
    if (entry->d_type == DT_DIR && name != "." && name != "..") {
      names.push_back(name);
    }
  }
  return names;
}

}  // namespace

ControlGroupPlaces FindControlGroups(const ControlGroupOptions& options) {
  if (!options.use) {
    ControlGroupPlaces none;
    none.missing_reason = "the agent was told so";
    return none;
  }
  ControlGroupPlaces second = FindVersion2(options);
  if (second.version == 2) return second;
  ControlGroupPlaces first = FindVersion1(options);
  if (first.version == 1) return first;
  // On a machine of today version 2 says more about what to do.
  const bool has_first =
      FindMount(options.mountinfo_file, "memory").has_value();
  return has_first ? first : second;
}

std::string Describe(const ControlGroupPlaces& places) {
  const std::string because = ", because " + places.missing_reason;
  if (places.version == 0) return "sampling only" + because;
  std::string text = "cgroup v" + std::to_string(places.version);
  if (!places.memory.empty()) text += " memory";
  if (!places.memory.empty() && !places.processes.empty()) text += ",";
  if (!places.processes.empty()) text += " pids";
  if (places.memory.empty()) text += "; memory by sampling" + because;
  if (places.processes.empty()) text += "; pids by sampling" + because;
  return text;
}

std::string OwnGroupName(const std::string& tag) {
  const std::optional<ProcessFacts> own = ReadProcess(getpid());
  return std::string(kNamePrefix) + std::to_string(ProcessNamespace()) + "-" +
         std::to_string(getpid()) + "-" +
         std::to_string(own ? own->start_time : 0) + "-" + tag;
}

void RemoveLeftGroups(const ControlGroupPlaces& places) {
  for (const std::string& parent :
       std::set<std::string>{places.memory, places.processes}) {
    if (parent.empty()) continue;
    for (const std::string& name : FoldersIn(parent)) {
      if (name.starts_with(kNamePrefix) && IsLeft(name)) {
        RemoveGroup(parent + "/" + name);
      }
    }
  }
}

bool RemoveGroup(const std::string& folder) {
  for (const std::string& name : FoldersIn(folder)) {
    RemoveGroup(folder + "/" + name);
  }
  for (int i = 0; i < kRemoveTriesMax; ++i) {
    if (rmdir(folder.c_str()) == 0 || errno == ENOENT) return true;
    if (errno != EBUSY) return false;
    // The kernel tells of no group's emptiness in version 1.
    KillGroupMembers(folder);
    poll(nullptr, 0, kRemovePauseMilliseconds);
  }
  return false;
}

}  // namespace remuda
