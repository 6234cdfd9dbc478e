// A plugin whose coroutines do what is bad for their neighbours, for tests.

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>

#include "plugins/handler.h"

namespace {

namespace plugin = remuda::plugin;

// Its parameter `how` says what a task does.
class Wild {
 public:
  plugin::Task<std::string> Run(std::string_view parameters,
                                plugin::TaskContext& context) {
    const auto is = [&](std::string_view word) {
      return parameters.find(word) != parameters.npos;
    };
    co_await plugin::Sleep(std::chrono::milliseconds(1));
    if (is("throw")) throw std::runtime_error("thrown on purpose");
    if (is("\"crash\"")) raise(SIGSEGV);
    if (is("block")) Block(std::chrono::seconds(2));
    if (is("\"for_ever")) {
      context.Log(plugin::Level::kWarning, "waits for ever");
      context.Progress(0.5, "half of it");
      MakeFileNamedIn(parameters);
      co_await plugin::Sleep(std::chrono::hours(1000));
    }
    if (is("hold")) Block(std::chrono::milliseconds(700));
    if (is("crash_elsewhere")) {
      co_await plugin::Offload([] {
        Block(std::chrono::milliseconds(200));
        raise(SIGSEGV);
      });
    }
    if (is("work_for_ever")) {
      MakeFileNamedIn(parameters);
      co_await plugin::Offload([&] {
        while (!context.StopRequested()) Block(std::chrono::milliseconds(5));
      });
    }
    co_return "\"whole\"";
  }

 private:
  // So that a test knows: "for_ever /some/file".
  static void MakeFileNamedIn(std::string_view parameters) {
    const size_t start = parameters.find('/');
    if (start == parameters.npos) return;
    const size_t end = parameters.find('"', start);
    std::ofstream(std::string(parameters.substr(start, end - start)));
  }

  // Without giving way to others on the loop.
  static void Block(std::chrono::nanoseconds time) {
    std::mutex mutex;
    std::condition_variable never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, time, [] { return false; });
  }
};

constexpr remuda_parameter kParameters[] = {
    {"how", "text", 1,
     "What the task does: throw, crash, crash_elsewhere, block, hold, "
     "for_ever, "
     "work_for_ever or "
     "end."}};

constexpr remuda_job_type kJobTypes[] = {
    plugin::JobTypeOf<Wild>({.name = "test.wild",
                             .meaning = "Does what it should not.",
                             .workload = "io",
                             .parameters = kParameters})};

constexpr remuda_manifest kManifest =
    plugin::ManifestOf("wild", "1.0", kJobTypes);

}  // namespace

extern "C" const remuda_manifest* remuda_plugin() { return &kManifest; }
