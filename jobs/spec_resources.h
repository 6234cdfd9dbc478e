#pragma once

#include "jobs/job.h"
#include "jobs/spec_context.h"

namespace remuda {

// What `resources:` and `outputs:` under `spec` say, with the defaults for what
// is left out or has already been reported by CheckShape().
Resources ReadResources(SpecContext& context, const YamlNode* spec);

// Reports patterns that cannot name files of a task's folder.
OutputRules ReadOutputs(SpecContext& context, const YamlNode* spec);

}  // namespace remuda
