#pragma once

#include "jobs/spec_context.h"

namespace remuda {

// Looks at `needs` over all documents of a file: jobs that need each other in
// a circle are reported as that; any other use as not supported yet.
void CheckNeeds(SpecContext& context);

}  // namespace remuda
