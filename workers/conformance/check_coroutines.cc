#include "workers/conformance/check_coroutines.h"

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

#include "plugins/handler.h"

namespace remuda {
namespace {

using plugin::Task;
using plugin::TaskContext;

std::string TextOf(std::string_view parameters) {
  const auto json = nlohmann::json::parse(parameters);
  return json.at("text").get<std::string>();
}

std::chrono::nanoseconds TimeOf(std::string_view parameters) {
  const auto json = nlohmann::json::parse(parameters);
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::duration<double>(json.at("seconds").get<double>()));
}

class Echo {
 public:
  Task<std::string> Run(std::string_view parameters, TaskContext&) {
    co_return std::string(parameters);
  }
};

class Fail {
 public:
  Task<std::string> Run(std::string_view parameters, TaskContext&) {
    throw std::runtime_error(TextOf(parameters));
    co_return "";
  }
};

class Sleep {
 public:
  Task<std::string> Run(std::string_view parameters, TaskContext&) {
    co_await plugin::Sleep(TimeOf(parameters));
    co_return "null";
  }
};

class Print {
 public:
  Task<std::string> Run(std::string_view parameters, TaskContext& context) {
    context.Log(plugin::Level::kInfo, TextOf(parameters));
    co_return "null";
  }
};

// Holds the loop, on purpose.
class Block {
 public:
  Task<std::string> Run(std::string_view parameters, TaskContext&) {
    std::mutex mutex;
    std::condition_variable never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, TimeOf(parameters), [] { return false; });
    co_return "null";
  }
};

constexpr remuda_job_type kJobTypes[] = {
    plugin::JobTypeOf<Echo>({"check.echo", "Returns its parameters.", "io"}),
    plugin::JobTypeOf<Fail>({"check.fail", "Fails.", "io"}),
    plugin::JobTypeOf<Sleep>({"check.sleep", "Waits.", "io"}),
    plugin::JobTypeOf<Print>({"check.print", "Logs a text.", "io"}),
    plugin::JobTypeOf<Block>({"check.block", "Holds its thread.", "io"})};

constexpr remuda_manifest kManifest =
    plugin::ManifestOf("check", "1.0", kJobTypes);

}  // namespace

const remuda_manifest& CheckCoroutines() { return kManifest; }

}  // namespace remuda
