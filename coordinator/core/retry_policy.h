#pragma once

#include <cstdint>

#include "base/clock.h"
#include "coordinator/core/chunk.h"
#include "jobs/ids.h"
#include "jobs/job.h"
#include "jobs/outcome.h"
#include "jobs/states.h"
#include "wire/messages.h"

namespace remuda {

// What follows the end of a try.
struct NextState {
  TaskState state = TaskState::kPending;
  // If it is pending after failures of its own: how many, for BackOff(). Else
  // 0, it is due at once.
  uint32_t failures = 0;
};

struct RetryRules {
  const RetryPolicy& policy;
  uint32_t losses_max = 0;  // the last one allowed makes the task lost
  bool cancelling = false;  // of the job
};

// A task's next state after its try ended as `ended` says; `before` are its
// tries until then (docs/JOB_STATES.md, "After an attempt").
NextState AfterTry(const RetryRules& rules, const TaskTries& before,
                   const EndingRun& ended);

// The same when nobody will report the try. `charged`: it may have started.
TaskState AfterReturn(const RetryRules& rules, const TaskTries& before,
                      bool charged);

// How long to wait after that many failures. Varies with `seed`, always alike
// for the same one.
Duration BackOff(const RetryPolicy& policy, uint32_t failures, uint64_t seed);

// For BackOff(): different for each job, place in it, and fence.
uint64_t JitterSeed(JobId job, TaskIndex task, Fence fence);

}  // namespace remuda
