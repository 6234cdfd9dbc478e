#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "jobs/ids.h"
#include "jobs/index_ranges.h"
#include "jobs/states.h"

namespace remuda {

// The oldest and newest protocol this build speaks.
inline constexpr uint32_t kProtocolMin = 1;
inline constexpr uint32_t kProtocolMax = 1;

// Tasks of one job that share a fence.
struct FencedRange {
  JobId job;
  IndexRange tasks;
  Fence fence;

  friend bool operator==(const FencedRange&, const FencedRange&) = default;
};

struct ExecutorOffer {
  ExecutorKind kind = ExecutorKind::kAsync;
  uint64_t slots = 0;

  friend bool operator==(const ExecutorOffer&, const ExecutorOffer&) = default;
};

// Agent -> coordinator, first on every connection and whenever told to.
struct Hello {
  uint32_t protocol_min = kProtocolMin;
  uint32_t protocol_max = kProtocolMax;
  std::string version;
  std::string name;      // for people: host name and number
  std::string instance;  // random, one a data folder of agents; 32 hex digits
  // Random, one an agent process: the processes that follow each other on one
  // data folder have one instance. Empty: not said, one process an instance.
  std::string process;
  std::vector<ExecutorOffer> executors;
  std::vector<std::string> job_types;
  std::map<std::string, std::string> labels;
  // That it and its tasks may hold together; 0: not said.
  uint64_t memory_bytes = 0;
  // Everything not confirmed as recorded: waiting, running, or spooled.
  std::vector<FencedRange> held;
  // Of these, what has not begun.
  std::vector<FencedRange> waiting;
  bool draining = false;
  // Rises within the process's life and from each process of an instance to
  // the next (HelloNumber), so that a late copy of an older one does nothing.
  // 0: not said.
  uint64_t number = 0;
  // The oldest sequence of Results and LogChunks not acked yet (the next one
  // if all are), so that a gap is seen. 0: not said, the first one counts.
  uint64_t results_first = 0;
  // Its heartbeats say the backlogs, and it gives back what is retracted.
  bool says_backlogs = false;

  friend bool operator==(const Hello&, const Hello&) = default;
};

// The nth Hello of a data folder's process, of which it is the `start`th.
constexpr uint64_t HelloNumber(uint32_t start, uint32_t n) {
  return (uint64_t{start} << 32) | n;
}
constexpr uint32_t StartOf(uint64_t hello_number) {
  return static_cast<uint32_t>(hello_number >> 32);
}

}  // namespace remuda
