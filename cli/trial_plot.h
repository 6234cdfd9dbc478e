#pragma once

#include <string>
#include <vector>

#include "cli/trial.h"

namespace remuda {

// What a trial came to as a picture (SVG 1.1, without scripts or links): for
// each executor its throughput with the interval that was predicted for it,
// the cores it used and what a process of it held. Unknown is said so.
std::string TrialSvg(const std::string& job, const std::vector<TrialRow>& rows);

}  // namespace remuda
