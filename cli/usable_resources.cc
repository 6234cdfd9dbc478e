#include "cli/usable_resources.h"

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

namespace remuda {
namespace {

// A mounted hierarchy that can hold limits. A container often sees its own
// group as the top of the mount: `top` is that group's path.
struct Hierarchy {
  bool is_v2 = false;
  std::string top;
  std::string mounted_at;
};

bool HasWord(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    if (list.substr(0, comma) == word) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

// /proc/self/mountinfo: id parent device top mount-point options [...] - type
// source super-options.
std::vector<Hierarchy> Hierarchies(const std::string& root,
                                   std::string_view controller) {
  std::vector<Hierarchy> found;
  std::ifstream file(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string skipped, type, source, options;
    Hierarchy hierarchy;
    words >> skipped >> skipped >> skipped >> hierarchy.top >>
        hierarchy.mounted_at;
    while (words >> skipped && skipped != "-") {
    }
    if (!(words >> type >> source >> options)) continue;
    hierarchy.is_v2 = type == "cgroup2";
    if (hierarchy.is_v2 || (type == "cgroup" && HasWord(options, controller))) {
      found.push_back(std::move(hierarchy));
    }
  }
  return found;
}

// /proc/self/cgroup: number, controllers, path, joined by colons; number 0 and
// no controllers for version 2.
std::string OwnGroup(const std::string& root, bool is_v2,
                     std::string_view controller) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (is_v2 ? controllers.empty() : HasWord(controllers, controller)) {
      return line.substr(second + 1);
    }
  }
  return "/";
}

// Processors a group's quota allows, rounded up; 0 means no quota.
uint64_t QuotaOf(const std::string& folder, bool is_v2) {
  int64_t quota = -1;
  int64_t period = 0;
  if (is_v2) {
    // "max 100000" without a quota, which is no number.
    std::ifstream file(folder + "/cpu.max");
    if (!(file >> quota >> period)) return 0;
  } else {
    std::ifstream(folder + "/cpu.cfs_quota_us") >> quota;
    std::ifstream(folder + "/cpu.cfs_period_us") >> period;
  }
  if (quota <= 0 || period <= 0) return 0;
  return static_cast<uint64_t>((quota - 1) / period + 1);
}

// The path of `group` below the mount, or "" where the mount begins below it
// or beside it ("/../other", as seen from another namespace).
std::string BelowMount(const std::string& group, const std::string& top) {
  const std::string above = top == "/" ? "" : top;
  if (!group.starts_with(above + "/") || group.starts_with("/..")) return "";
  const std::string below = group.substr(above.size());
  return below == "/" ? "" : below;
}

// Bytes that a group may hold; 0 means no limit. Version 1 says a number that
// no machine has, version 2 "max", which is none.
uint64_t MemoryLimitOf(const std::string& folder, bool is_v2) {
  uint64_t bytes = 0;
  std::ifstream(folder + (is_v2 ? "/memory.max" : "/memory.limit_in_bytes")) >>
      bytes;
  return bytes;
}

// The least of what `limit_of` finds in the group and on the way up from it,
// as the tightest is the one that holds; `most` if there is none.
template <typename LimitOf>
uint64_t Tightest(uint64_t most, const std::string& root,
                  std::string_view controller, LimitOf limit_of) {
  for (const Hierarchy& hierarchy : Hierarchies(root, controller)) {
    const std::string mount = root + hierarchy.mounted_at;
    std::string below =
        BelowMount(OwnGroup(root, hierarchy.is_v2, controller), hierarchy.top);
    while (true) {
      const uint64_t limit = limit_of(mount + below, hierarchy.is_v2);
      if (limit != 0) most = std::min(most, limit);
      if (below.empty()) break;
      below.resize(below.rfind('/'));
    }
  }
  return most;
}

// /proc/meminfo: "MemTotal:  1234 kB"; 0 if it does not say.
uint64_t MachineMemoryBytes(const std::string& root) {
  std::ifstream file(root + "/proc/meminfo");
  std::string name;
  uint64_t kilobytes = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    if (words >> name >> kilobytes && name == "MemTotal:") {
      return kilobytes << 10;
    }
  }
  return 0;
}

}  // namespace

uint64_t UsableCores(uint64_t processors, const std::string& root) {
  return std::max<uint64_t>(Tightest(processors, root, "cpu", QuotaOf), 1);
}

uint64_t UsableMemoryBytes(const std::string& root) {
  const uint64_t all = MachineMemoryBytes(root);
  return all == 0 ? 0 : Tightest(all, root, "memory", MemoryLimitOf);
}

}  // namespace remuda
