#pragma once

#include <compare>
#include <cstdint>
#include <utility>

namespace remuda {

// A number that names one kind of thing. Two kinds never mix by accident.
// Zero names nothing.
template <typename Tag, typename Number = uint64_t>
struct Id {
  Number value = 0;

  friend constexpr auto operator<=>(const Id&, const Id&) = default;

  template <typename H>
  friend H AbslHashValue(H h, const Id& id) {
    return H::combine(std::move(h), id.value);
  }
};

// A job, numbered by the coordinator in order of acceptance, from 1.
using JobId = Id<struct JobIdTag>;

// One registered agent process, numbered by the coordinator's store.
using AgentId = Id<struct AgentIdTag>;

// One range of tasks granted to one agent.
using GrantId = Id<struct GrantIdTag>;

// +1 at each coordinator start.
using Term = Id<struct TermTag>;

// One registration of an agent or client connection; unique within its term.
using SessionId = Id<struct SessionIdTag>;

// Names an attempt of a task; only rises. The first grant carries 1.
using Fence = Id<struct FenceTag, uint32_t>;

// Position of a task in its job's fan-out, from 0.
using TaskIndex = uint64_t;

// One try of one task.
struct AttemptId {
  JobId job;
  TaskIndex task = 0;
  Fence fence;

  friend constexpr auto operator<=>(const AttemptId&,
                                    const AttemptId&) = default;

  template <typename H>
  friend H AbslHashValue(H h, const AttemptId& id) {
    return H::combine(std::move(h), id.job, id.task, id.fence);
  }
};

// Task state is kept, stored and reported in chunks of this many neighbours.
inline constexpr uint64_t kTasksPerChunk = 1024;

constexpr uint64_t ChunkOf(TaskIndex task) { return task / kTasksPerChunk; }

}  // namespace remuda
