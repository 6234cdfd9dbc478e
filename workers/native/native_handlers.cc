#include "workers/native/native_handlers.h"

#include <memory>
#include <utility>

#include "executors/handlers/blocking_handlers.h"
#include "workers/conformance/check_coroutines.h"
#include "workers/conformance/check_handlers.h"
#include "workers/native/plugin.h"

namespace remuda {
namespace {

bool MayRun(const PluginJobType& job_type, WorkerUse use) {
  switch (use) {
    case WorkerUse::kThreads:
      return job_type.is_thread_safe();
    case WorkerUse::kLoop:
      return job_type.is_coroutine();
    case WorkerUse::kProcess:
      break;
  }
  return true;
}

void Add(Plugin plugin, WorkerUse use, PluginTypes& types) {
  for (PluginJobType& job_type : plugin.job_types) {
    if (!MayRun(job_type, use)) continue;
    const std::string name = job_type.type.name;
    types.emplace(name, std::make_unique<PluginType>(std::move(job_type)));
  }
}

}  // namespace

absl::StatusOr<NativeHandlers> HandlersToHost(
    const std::vector<std::string>& plugins, WorkerUse use) {
  NativeHandlers handlers;
  if (use == WorkerUse::kLoop) {
    absl::StatusOr<Plugin> checks = PluginOf(&CheckCoroutines());
    if (!checks.ok()) return checks.status();
    Add(*std::move(checks), use, handlers.plugins);
  } else {
    handlers.shipped = ShippedBlockingHandlers();
    handlers.shipped.merge(CheckHandlers());
  }
  for (const std::string& path : plugins) {
    absl::StatusOr<Plugin> plugin = LoadPlugin(path);
    if (!plugin.ok()) return plugin.status();
    Add(*std::move(plugin), use, handlers.plugins);
  }
  return handlers;
}

}  // namespace remuda
