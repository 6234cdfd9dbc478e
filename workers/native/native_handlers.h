#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "executors/handlers/blocking_handler.h"
#include "workers/native/plugin_type.h"
#include "workers/native/task_frames.h"

namespace remuda {

// What a native worker hosts.
struct NativeHandlers {
  BlockingHandlers shipped;  // none of them on a loop
  PluginTypes plugins;
};

// What jobs ask for and what `remuda worker-check` does, as far as it can run
// in that mode, with the job types of the plugins.
// Errors: InvalidArgument, naming the plugin.
absl::StatusOr<NativeHandlers> HandlersToHost(
    const std::vector<std::string>& plugins, WorkerUse use);

}  // namespace remuda
