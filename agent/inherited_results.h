#pragma once

#include "agent/core/agent_core.h"
#include "agent/spool.h"

namespace remuda {

// What the core has to know of the results that an earlier process left in the
// spool. From the first frame on that this build does not read, the spool
// drops them; that and other damage is logged.
//
// Thread: the one of the spool.
InheritedResults ReadInherited(Spool& spool);

}  // namespace remuda
