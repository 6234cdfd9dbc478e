#pragma once

#include "jobs/spec_context.h"
#include "jobs/yaml_tree.h"

namespace remuda {

// Reports whatever of a document does not fit the table of keys: unknown and
// missing keys, keys not supported yet, values of the wrong kind or out of
// their range. What follows from several keys together is looked at later.
// `needs` is left to jobs/spec_needs.h.
void CheckShape(SpecContext& context, const YamlNode& document);

}  // namespace remuda
