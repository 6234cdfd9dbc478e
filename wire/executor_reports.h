#pragma once

#include <cstddef>
#include <cstdint>

#include "jobs/ids.h"
#include "jobs/states.h"
#include "jobs/work_key.h"

namespace remuda {

// What an agent says of its executors, with its heartbeats and results.

// How many tasks of one executor the agent is willing to hold at once, as an
// absolute number: what it holds counts against it. Zero when draining.
struct Credit {
  ExecutorKind executor = ExecutorKind::kAsync;
  uint64_t tasks = 0;

  friend bool operator==(const Credit&, const Credit&) = default;
};

// The last attempt that was given to an executor. What the agent was granted
// before it for that executor has begun too, or never will.
struct LastBegun {
  ExecutorKind executor = ExecutorKind::kAsync;
  AttemptId attempt;

  friend bool operator==(const LastBegun&, const LastBegun&) = default;
};

// Work whose tasks have proved short on that executor: so many of them the
// agent is willing to hold beyond its slots, where credit allows. Of any other
// work no more than there are slots.
struct Backlog {
  ExecutorKind executor = ExecutorKind::kAsync;
  WorkKey work;
  uint64_t tasks = 0;

  friend bool operator==(const Backlog&, const Backlog&) = default;
};

// In one heartbeat; what the agent does not remember counts as unknown.
inline constexpr size_t kBacklogsMax = 128;

}  // namespace remuda
