#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "executors/finding.h"
#include "jobs/attempt.h"
#include "jobs/outcome.h"
#include "jobs/states.h"

namespace remuda {

// What the agent may rely on, for choosing and for refusing at submission.
struct ExecutorFacts {
  ExecutorKind kind = ExecutorKind::kAsync;
  size_t slots = 0;        // attempts that really run at the same time
  bool may_block = false;  // a handler may block without harm to others
  bool isolated = false;   // a crash costs one attempt only
  bool killable = false;   // kForce ends an attempt and nothing else
  Duration cost_per_task = Duration::zero();  // own cost, order of magnitude
};

// The processes that host handlers for an executor, for the metrics.
struct WorkerNumbers {
  // Of now.
  uint64_t starting = 0;
  uint64_t idle = 0;
  uint64_t busy = 0;
  uint64_t draining = 0;  // end when they have done what they hold

  // Since the start: how they ended.
  uint64_t exits_recycled = 0;  // told to, for their age, count or memory
  uint64_t exits_error = 0;     // could not start, or exited unasked
  uint64_t exits_signal = 0;    // by one that nobody of us sent
  uint64_t exits_oom = 0;
  uint64_t exits_timeout = 0;  // killed, as they did not stop when told to

  // Since the start: processes that attempts left behind, killed with all
  // that they had started.
  uint64_t orphans_killed = 0;
};

enum class CancelMode : uint8_t {
  kAsk,    // SIGTERM, stop token, cancellation of the coroutine
  kForce,  // SIGKILL of all its processes; where the executor cannot, the
           // attempt is abandoned and reported at once
};

// Runs attempts on this agent: on an event loop, on threads, in processes or,
// in tests, as scripted outcomes. An executor knows how to run attempts; which
// ones to run, and when to give up on one, is the agent core's decision.
//
// An attempt that was asked to stop and stopped is reported as kCancelled; one
// that ended by itself first is reported as it ended. The agent core knows why
// it asked (cancel, timeout, drain) and records that.
//
// Thread: confined to the agent's control loop. No method blocks.
// Lifetime: destruction stops whatever still runs and reports nothing more.
class Executor {
 public:
  // Called from any thread when TakeOutcomes() may have become non-empty; the
  // receiver wakes its loop. At most one call is outstanding: none follows
  // until TakeOutcomes() was called.
  using Notify = std::function<void()>;

  virtual ~Executor() = default;

  virtual const ExecutorFacts& facts() const = 0;

  // How many more attempts Start() accepts now.
  virtual size_t capacity() const = 0;

  // Starts a batch; every id must be new. After OK, TakeOutcomes() reports
  // each id exactly once; after an error, none of the batch was started.
  //
  // Errors: ResourceExhausted if the batch exceeds capacity();
  //         InvalidArgument if this executor can never run such an attempt;
  //         FailedPrecondition after Drain().
  virtual absl::Status Start(std::span<const Attempt> batch) = 0;

  // Asks the attempt to stop, or ends it by force. Does nothing if it has
  // already ended, because a cancel may always cross with an outcome. Going
  // from kAsk to kForce is left to the agent core, which owns the time.
  virtual void Cancel(AttemptId id, CancelMode mode) = 0;

  // Returns the outcomes since the last call, oldest first. Called once per
  // turn of the loop, so the agent reacts at its own pace, in batches, and is
  // never re-entered.
  virtual std::vector<Outcome> TakeOutcomes() = 0;

  // Findings since the last call, at most kFindingsMax; Notify is called for
  // them too. They tell of attempts that still run.
  virtual std::vector<Finding> TakeFindings() { return {}; }

  // All zero where no process hosts handlers.
  virtual WorkerNumbers workers() const { return {}; }

  // Accepts nothing more; what cannot end by `deadline` is stopped by force
  // and reported as evicted.
  virtual void Drain(MonotonicTime deadline) = 0;
};

}  // namespace remuda
