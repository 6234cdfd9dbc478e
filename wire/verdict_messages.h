#pragma once

#include <string>
#include <vector>

#include "jobs/ids.h"

namespace remuda {

// What a client asks about verdicts, and the answer (docs/VERDICT.md).

// What is known of how work ran, and what follows.
struct GetVerdicts {
  JobId job;  // zero: of all kinds of work, worst first

  friend bool operator==(const GetVerdicts&, const GetVerdicts&) = default;
};

// JSON objects, as jobs/verdict/verdict_json.h makes them.
struct Verdicts {
  std::vector<std::string> verdicts;

  friend bool operator==(const Verdicts&, const Verdicts&) = default;
};

}  // namespace remuda
