// A plugin that breaks in the way that BROKEN_HOW chooses, for tests.

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "plugins/handler.h"

namespace {

enum How { kRuns, kAborts, kHangs, kOtherVersion, kTakenName };
constexpr How kHow = BROKEN_HOW;

// Its parameter `how` says what a task does.
class Broken {
 public:
  std::string Run(std::string_view parameters, remuda::TaskContext&) {
    if (parameters.find("throw") != parameters.npos) {
      throw std::runtime_error("thrown on purpose");
    }
    if (parameters.find("crash") != parameters.npos) raise(SIGSEGV);
    return "\"whole\"";
  }
};

constexpr remuda_parameter kParameters[] = {
    {"how", "text", 1, "What the task does: throw, crash or end."}};

constexpr remuda_job_type kJobTypes[] = {
    remuda::JobTypeOf<Broken>(kHow == kTakenName ? "http.fetch" : "test.broken",
                              "Breaks on purpose.", "cpu", kParameters, 1)};

constexpr remuda_manifest kManifest = {
    kHow == kOtherVersion ? 99u : REMUDA_PLUGIN_ABI,
    sizeof(remuda_job_type),
    "broken",
    "1.0",
    kJobTypes,
    1};

}  // namespace

extern "C" const remuda_manifest* remuda_plugin() {
  if (kHow == kAborts) std::abort();
  if (kHow == kHangs) pause();
  return &kManifest;
}
