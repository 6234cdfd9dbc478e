#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "plugins/remuda_plugin.h"

namespace remuda {

// A job type of a plugin, as this host's version of the interface has it.
struct PluginJobType {
  remuda_job_type type = {};  // `parameters` is null
  std::vector<remuda_parameter> parameters;

  bool is_coroutine() const { return type.form == REMUDA_COROUTINE; }
  bool is_thread_safe() const {
    return !is_coroutine() && (type.flags & REMUDA_THREAD_SAFE) != 0;
  }
};

// What a manifest says, checked. Its text is the plugin's, which stays loaded
// until the process ends.
struct Plugin {
  const char* name = nullptr;
  const char* version = nullptr;
  uint32_t abi = 0;
  std::vector<PluginJobType> job_types;
};

// Loads the shared object and checks its manifest. Runs the plugin's code, so
// only a process may call it that has nothing to lose.
//
// Errors: InvalidArgument, naming the file, if it is no plugin of a version
// that this host knows or its manifest is not whole.
absl::StatusOr<Plugin> LoadPlugin(const std::string& path);

// The same of a manifest that is here already. Errors: InvalidArgument.
absl::StatusOr<Plugin> PluginOf(const remuda_manifest* manifest);

// As the JSON that `remuda plugin-probe` prints.
std::string ManifestJson(const Plugin& plugin);

}  // namespace remuda
