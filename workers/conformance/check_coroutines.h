#pragma once

#include "plugins/remuda_plugin.h"

namespace remuda {

// The job types check.echo, check.fail, check.sleep, check.print and
// check.block as coroutines of a plugin, for mode `loop`.
const remuda_manifest& CheckCoroutines();

}  // namespace remuda
