// A plugin for bench/crashes.py: tasks that compute for a while, and die if
// they are told to.

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>

#include "plugins/handler.h"

namespace {

namespace plugin = remuda::plugin;

// The number of the member `name`; 0 if there is none.
double NumberOf(std::string_view parameters, std::string_view name) {
  const std::string start = "\"" + std::string(name) + "\":";
  const size_t at = parameters.find(start);
  if (at == std::string_view::npos) return 0;
  return std::atof(std::string(parameters.substr(at + start.size())).c_str());
}

// What this thread has computed. Its usage is counted by the tick, of 4 ms.
double Milliseconds() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) * 1e3 +
         static_cast<double>(used.tv_nsec) / 1e6;
}

class Crashing {
 public:
  static constexpr bool kThreadSafe = true;

  std::string Run(std::string_view parameters, plugin::TaskContext&) {
    const double end = Milliseconds() + NumberOf(parameters, "milliseconds");
    while (Milliseconds() < end) {
    }
    const auto cycle = static_cast<long>(NumberOf(parameters, "every"));
    const auto n = static_cast<long>(NumberOf(parameters, "n"));
    if (cycle > 0 && n % cycle == cycle / 2) {
      if (parameters.find("\"exit\"") != std::string_view::npos) _exit(7);
      raise(SIGSEGV);
    }
    return std::to_string(n);
  }
};

constexpr remuda_parameter kParameters[] = {
    {"n", "integer", 1, "The task's number."},
    {"milliseconds", "number", 1, "How long it computes."},
    {"every", "integer", 1, "One of so many dies; none if it is 0."},
    {"how", "text", 1, "How: segv or exit."}};

constexpr remuda_job_type kJobTypes[] = {
    plugin::JobTypeOf<Crashing>({.name = "bench.crashing",
                                 .meaning = "Computes, and may die.",
                                 .workload = "cpu",
                                 .parameters = kParameters})};

constexpr remuda_manifest kManifest =
    plugin::ManifestOf("crashing", "1.0", kJobTypes);

}  // namespace

extern "C" const remuda_manifest* remuda_plugin() { return &kManifest; }
