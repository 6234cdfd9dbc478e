#pragma once

#include <map>
#include <string>
#include <vector>

#include "cli/exit_code.h"
#include "jobs/states.h"

namespace remuda {

// A plugin that this process knows.
struct KnownPlugin {
  std::string path;  // absolute
  std::string name;
  // Its job types, by the executor that they can run on.
  std::map<ExecutorKind, std::vector<std::string>> job_types;
};

// Reads the manifest of each plugin in a child process and adds its job types.
// A plugin that cannot be used is left out, and stderr says why.
//
// Thread: main(), before any other exists.
void LearnPlugins(const std::vector<std::string>& paths);

// Those that LearnPlugins() has found good, in its order.
const std::vector<KnownPlugin>& KnownPlugins();

// The sub-command `remuda plugin-probe PATH`: loads the plugin into this
// process and prints its manifest as JSON.
ExitCode PluginProbeCommand(const std::string& path);

}  // namespace remuda
