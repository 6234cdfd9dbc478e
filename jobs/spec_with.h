#pragma once

#include <string>

#include "jobs/job_type.h"
#include "jobs/spec_context.h"
#include "jobs/spec_tasks.h"
#include "jobs/yaml_tree.h"

namespace remuda {

// The parameters of a job as canonical JSON, with their names, kinds and
// templates checked against the type and the fan-out. `with` may be null;
// `spec` is where a missing parameter is reported then.
std::string ReadWith(SpecContext& context, const YamlNode* with,
                     const YamlNode& spec, const JobType& type,
                     const TemplateScope& scope);

}  // namespace remuda
