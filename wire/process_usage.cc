#include "wire/process_usage.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace remuda {
namespace {

// The fields of /proc/self/stat from the third on. The second, the name, is in
// brackets and may hold anything.
std::vector<double> StatFields() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  const size_t bracket = line.rfind(')');
  if (bracket == std::string::npos) return {};
  std::istringstream rest(line.substr(bracket + 1));
  std::string state;
  rest >> state;
  std::vector<double> fields = {0};
  for (double field = 0; rest >> field;) fields.push_back(field);
  return fields;
}

double BootTimeSeconds() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("btime ")) return std::stod(line.substr(6));
  }
  return 0;
}

double CountOpenFds() {
  DIR* folder = opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  double count = 0;
  while (const dirent* entry = readdir(folder)) {
    if (entry->d_name[0] != '.') ++count;
  }
  closedir(folder);
  return count - 1;  // the folder's own
}

}  // namespace

ProcessUsage ReadProcessUsage() {
  // Numbers of the fields as in proc(5), less the two that are left out.
  constexpr size_t kUserTime = 14 - 3;
  constexpr size_t kSystemTime = 15 - 3;
  constexpr size_t kThreads = 20 - 3;
  constexpr size_t kStartTime = 22 - 3;
  constexpr size_t kResidentPages = 24 - 3;

  ProcessUsage usage;
  const std::vector<double> fields = StatFields();
  if (fields.size() > kResidentPages) {
    static const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    static const double page = static_cast<double>(sysconf(_SC_PAGESIZE));
    static const double boot = BootTimeSeconds();
    usage.cpu_seconds = (fields[kUserTime] + fields[kSystemTime]) / ticks;
    usage.resident_bytes = fields[kResidentPages] * page;
    usage.threads = fields[kThreads];
    usage.start_time_seconds = boot + fields[kStartTime] / ticks;
  }
  usage.open_fds = CountOpenFds();
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    usage.max_fds = static_cast<double>(limit.rlim_cur);
  }
  return usage;
}

}  // namespace remuda
