#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "jobs/ids.h"

namespace remuda {

// Something about a job's code that a person should know while it runs: a
// blocked event loop, an object that threads share. It changes no outcome.
// docs/WORKER_PROTOCOL.md lists the codes.
struct Finding {
  JobId job;
  std::optional<TaskIndex> task;
  std::string code;  // [a-z_]+
  std::string text;  // one sentence: what is wrong, what to do
  std::string function;
  std::string file;
  uint64_t line = 0;                     // 0: unknown
  Duration duration = Duration::zero();  // how long it has lasted; 0: n/a
  // Set: no finding, but how far the task says it is, with `text`.
  std::optional<double> progress;
};

// Findings that an executor keeps until they are taken; more are dropped.
inline constexpr size_t kFindingsMax = 256;

// Bytes of a code, and of each text; longer ones are refused or cut.
inline constexpr size_t kFindingCodeMax = 64;
inline constexpr size_t kFindingTextMax = 2048;

}  // namespace remuda
