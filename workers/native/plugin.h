#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "executors/handlers/blocking_handler.h"
#include "plugins/remuda_plugin.h"

namespace remuda {

// Loads the shared object and checks its manifest. Runs the plugin's code, so
// only a process may call it that has nothing to lose. The plugin stays loaded
// until the process ends.
//
// Errors: InvalidArgument, naming the file, if it is no plugin of this version
// or its manifest is not whole.
absl::StatusOr<const remuda_manifest*> LoadPlugin(const std::string& path);

// One handler for each job type of the manifest.
BlockingHandlers HandlersOf(const remuda_manifest& manifest);

// The manifest as the JSON that `remuda plugin-probe` prints.
std::string ManifestJson(const remuda_manifest& manifest);

}  // namespace remuda
