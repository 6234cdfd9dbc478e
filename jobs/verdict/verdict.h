#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "jobs/states.h"
#include "jobs/verdict/evidence.h"

namespace remuda {

// One kind of work as it ran on one executor, and where else it may run.
struct WorkToJudge {
  ExecutorKind executor = ExecutorKind::kProcessPool;
  Evidence evidence;
  uint64_t cores = 1;                // of an agent
  bool runs_user_code = true;        // then in worker processes
  bool is_python = false;            // whose threads take turns
  uint64_t concurrency = 0;          // the spec's cap; 0: none
  uint64_t tasks = 0;                // of its job; 0: unknown
  uint32_t cpus_each = 1;            // that a task asks for
  std::vector<ExecutorKind> others;  // where it may run as well
  bool blocks_its_loop = false;      // a finding says so
};

// From the least to the most that may be; `middle` is the best guess.
struct Interval {
  double low = 0;
  double middle = 0;
  double high = 0;
};

struct Prediction {
  ExecutorKind executor = ExecutorKind::kProcessPool;
  Interval gain;          // throughput, as a multiple of what it is now
  Interval memory_bytes;  // of all its processes on an agent; 0: unknown
  bool fits = true;       // in what the agent may hold, as far as is known
};

// What the evidence says in short. Shares are of the time that attempts took.
struct Measures {
  double attempts = 0;
  RealSeconds mean{};
  double per_second = 0;  // while any ran
  double at_once = 0;
  double at_once_max = 0;  // what slots, spec and tasks allow
  double cores_used = 0;
  std::optional<double> cpu;
  std::optional<double> queue;       // ready, without a core
  std::optional<double> lock;        // waiting for Python's lock
  std::optional<double> turn;        // ready, before its turn on the loop
  std::optional<double> other;       // waiting for anything else
  std::optional<double> held;        // keeping Python's lock, on processes
  std::optional<RealSeconds> lag{};  // the latest that its loop was
  double memory_bytes = 0;           // of a process; 0: unknown
};

// What limits the throughput.
enum class Bound : uint8_t {
  kUnknown,
  kCores,    // every core that it can use is computing
  kLock,     // Python's lock: one thread of a process at a time
  kLoop,     // the event loop computes all the time
  kWaits,    // attempts wait for something outside
  kMachine,  // others use the cores
};

enum class VerdictCode : uint8_t {
  kStay,
  kMove,           // to `best`
  kBatch,          // tasks are too small
  kMoreCpus,       // each task uses more cores than it asks for
  kTooFew,         // abstains: not enough attempts
  kCpuUnknown,     // abstains: attempts did not say what they computed
  kTooLittleToDo,  // abstains: it never filled its executor
  kUndecided,      // abstains: what is known allows either
};
inline constexpr int kVerdictCodes = 8;

// Worth knowing beside the verdict.
enum class Advice : uint8_t {
  kMoreAtOnce,  // a higher `concurrency` may help
  kLessAtOnce,  // fewer at once would do the same
  kOffload,     // what the loop computes belongs elsewhere
  kBlocks,      // a call blocks the loop
  kMakeFaster,  // nothing but faster code or more cores helps
  kMemory,      // what would be better would not fit the agent's memory
};

struct Verdict {
  VerdictCode code = VerdictCode::kTooFew;
  Bound bound = Bound::kUnknown;
  Measures measures;
  std::vector<Prediction> predictions;  // of the others
  std::optional<ExecutorKind> best;     // if kMove
  std::optional<ExecutorKind> leaning;  // if not: better, surely by little
  Interval gain = {1, 1, 1};            // of following the verdict
  uint64_t batch_tasks = 0;             // that one should hold, if kBatch
  RealSeconds kept{};                   // a core by one task, if kBatch,
  RealSeconds alone{};                  // which takes so long by itself
  double cpus_used = 0;                 // by a task, if kMoreCpus
  uint64_t enough_at_once = 0;          // if kLessAtOnce
  std::vector<Advice> advice;
};

// Fewer attempts, or less time in all, are no ground for a verdict.
inline constexpr double kAttemptsToJudgeMin = 8;
inline constexpr RealSeconds kTimeToJudgeMin{0.5};
// Less than this is not worth a change.
inline constexpr double kGainMin = 1.2;

// "stay", "move" and so on; [a-z_] only, for metrics and programs.
std::string_view Name(VerdictCode code);
std::string_view Name(Bound bound);
std::string_view Name(Advice advice);

// What follows from the evidence, by the formulas of docs/VERDICT.md. Says
// kMove only if even the low end of the gain is worth it. Pure: the same work
// gives the same verdict.
Verdict Judge(const WorkToJudge& work);

}  // namespace remuda
