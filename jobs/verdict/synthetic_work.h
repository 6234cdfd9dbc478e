#pragma once

#include <algorithm>
#include <cmath>

#include "jobs/verdict/verdict.h"

namespace remuda {

// What one attempt needs, were nothing in its way.
struct Needs {
  double locked = 0;  // seconds of a core with Python's lock held
  double free = 0;    // seconds of a core without it
  double waits = 0;   // seconds of waiting for something outside

  double cpu() const { return locked + free; }
  double alone() const { return cpu() + waits; }
};

// A machine and how many attempts run on it.
struct Place {
  ExecutorKind executor = ExecutorKind::kProcessPool;
  double at_once = 1;
  double cores = 2;
  double processes = 1;  // that share the attempts
};

// The most attempts a second that such a place can do: each attempt takes its
// own time, each core does one thing at a time, and so does each process with
// what needs its lock, or its loop.
inline double Throughput(const Needs& needs, const Place& place) {
  double most = place.at_once / needs.alone();
  if (needs.cpu() > 0) most = std::min(most, place.cores / needs.cpu());
  const double serial = place.executor == ExecutorKind::kAsync ? needs.cpu()
                        : place.executor == ExecutorKind::kThreadPool
                            ? needs.locked
                            : 0;
  if (serial > 0) most = std::min(most, place.processes / serial);
  return most;
}

// The evidence that `attempts` of such work would leave there.
inline Evidence EvidenceOf(const Needs& needs, const Place& place,
                           int attempts) {
  const double per_second = Throughput(needs, place);
  // By Little's law; what is more than it needs is waiting for its turn.
  const double wall = std::max(place.at_once / per_second, needs.alone());
  const double turn = wall - needs.alone();
  const bool is_lock = place.executor == ExecutorKind::kThreadPool &&
                       needs.locked * per_second > 0.95 * place.processes;
  Evidence evidence;
  const auto time = [](double seconds) {
    return std::chrono::duration_cast<Duration>(RealSeconds(seconds));
  };
  for (int i = 0; i < attempts; ++i) {
    Usage usage = {.cpu = time(needs.cpu())};
    if (place.executor == ExecutorKind::kThreadPool) {
      usage.gil_wait = time(is_lock ? turn : 0);
    }
    if (place.executor != ExecutorKind::kAsync && !is_lock) {
      usage.run_queue_delay = time(turn);
    }
    evidence.Add(Ending::kSucceeded, time(wall), usage);
  }
  evidence.active = RealSeconds(attempts / per_second);
  evidence.slots = {10'000, 64, static_cast<uint64_t>(place.cores)};
  return evidence;
}

// Adds what workers see of it who look at the lock or at the turns of a loop.
inline void SeeLock(const Needs& needs, Evidence& evidence) {
  evidence.gil_held = {.attempts = evidence.attempts,
                       .sum = RealSeconds(needs.locked) * evidence.attempts,
                       .wall = evidence.wall};
}
inline void SeeTurns(const Needs& needs, Evidence& evidence) {
  evidence.loop_wait = {
      .attempts = evidence.attempts,
      .sum = evidence.wall - RealSeconds(needs.alone()) * evidence.attempts,
      .wall = evidence.wall};
}

// Python code that ran at such a place and may run on the other executors.
inline WorkToJudge WorkOf(const Needs& needs, const Place& place,
                          int attempts = 400) {
  WorkToJudge work;
  work.executor = place.executor;
  work.evidence = EvidenceOf(needs, place, attempts);
  work.cores = static_cast<uint64_t>(place.cores);
  work.is_python = true;
  work.tasks = 10'000;
  for (const ExecutorKind kind :
       {ExecutorKind::kThreadPool, ExecutorKind::kProcessPool}) {
    if (kind != place.executor) work.others.push_back(kind);
  }
  return work;
}

}  // namespace remuda
