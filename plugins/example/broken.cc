// A plugin that breaks in the way that BROKEN_HOW chooses, for tests.

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "plugins/handler.h"

namespace {

namespace plugin = remuda::plugin;

enum How {
  kRuns,
  kAborts,
  kClosesAll,
  kHangs,
  kNewerHost,
  kOtherVersion,
  kTakenName
};
constexpr How kHow = BROKEN_HOW;

// Its parameter `how` says what a task does.
class Broken {
 public:
  std::string Run(std::string_view parameters, plugin::TaskContext&) {
    if (parameters.find("throw") != parameters.npos) {
      throw std::runtime_error("thrown on purpose");
    }
    if (parameters.find("crash") != parameters.npos) raise(SIGSEGV);
    return "\"whole\"";
  }
};

constexpr remuda_parameter kParameters[] = {
    {"how", "text", 1, "What the task does: throw, crash or end."}};

constexpr remuda_job_type kJobTypes[] = {plugin::JobTypeOf<Broken>(
    {.name = kHow == kTakenName ? "http.fetch" : "test.broken",
     .meaning = "Breaks on purpose.",
     .workload = "cpu",
     .parameters = kParameters})};

constexpr remuda_manifest ManifestThatBreaks() {
  remuda_manifest manifest = plugin::ManifestOf("broken", "1.0", kJobTypes);
  if (kHow == kOtherVersion) manifest.abi = 99;
  if (kHow == kNewerHost) manifest.host_size += 64;
  return manifest;
}

constexpr remuda_manifest kManifest = ManifestThatBreaks();

}  // namespace

extern "C" const remuda_manifest* remuda_plugin() {
  if (kHow == kAborts) std::abort();
  if (kHow == kClosesAll) closefrom(0);
  if (kHow == kHangs || kHow == kClosesAll) pause();
  return &kManifest;
}
