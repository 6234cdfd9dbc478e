#include "jobs/verdict/verdict.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>

#include "base/check.h"

namespace remuda {
namespace {

constexpr ExecutorKind kAsync = ExecutorKind::kAsync;
constexpr ExecutorKind kThreadPool = ExecutorKind::kThreadPool;
constexpr ExecutorKind kProcessPool = ExecutorKind::kProcessPool;

// Tasks in hand for each worker process, as executors/hosted starts them.
constexpr double kTasksPerThreadsWorker = 4;
constexpr double kTasksPerLoopWorker = 16;

// What an executor itself takes of a core for each task of user code.
constexpr std::array<double, kExecutorKinds> kOverheadSeconds = {60e-6, 60e-6,
                                                                 40e-6};

// For how long a slot of threads or of a loop stands empty between two tasks of
// user code: ends are told together, the more the more there are, and the next
// one comes from the agent or, where `concurrency` is the limit, from the
// coordinator. In a process it is there already. Measured with the zoo's
// `sleeping` and `waits` on two virtual cores; elsewhere it may be nothing.
constexpr double kBetweenEach = 55e-6;
constexpr double kBetweenMax = 4e-3;

// What a coroutine costs on a loop of its own, beside one that it shares: once,
// and for each wait, as nothing else runs meanwhile and the thread or process
// has to be woken. Measured on two virtual cores with the zoo's coroutines;
// other machines may need half of it or half as much again.
struct OwnLoopCost {
  double once;
  double for_each_wait;
};
constexpr OwnLoopCost kOwnLoopOfThread = {0.10e-3, 0.10e-3};
constexpr OwnLoopCost kOwnLoopOfProcess = {0.30e-3, 0.20e-3};

// What the formulas leave out: caches, memory bandwidth, the worker's own
// threads.
constexpr double kModelError = 0.08;
// Of the measured wait for the lock, by looks at threads.
constexpr double kLockError = 0.15;
// Of the share of time in which the lock was found taken, by some dozen looks.
constexpr double kHeldError = 0.1;
// Of the wait for a turn on the loop: of Python's, which knows its timers, and
// of native ones, by the length of turns.
constexpr double kTurnError = 0.15;
constexpr double kNativeTurnError = 0.3;
// Below this share of its cores a job is not bound by them.
constexpr double kBusyMin = 0.85;
// The same of loops, which also wait for the kernel and each other's answers.
constexpr double kLoopBusyMin = 0.7;
// The same of threads that take turns, which costs time itself.
constexpr double kTurnsBusyMin = 0.6;
// Of a loop that others keep from a core more is left.
constexpr double kStuckMax = 0.1;
// What taking turns leaves of the cores: one that comes back from a wait stands
// for up to 5 ms behind one that computes (Beazley 2010: the convoy effect).
constexpr double kTurnsWorst = 0.7;
constexpr double kTurnsMean = 0.9;
// Where the lock takes less than this it is not what limits; and less than
// that is chance.
constexpr double kLockNoticed = 0.2;
constexpr double kLockSeen = 0.02;
// A larger share of the time that attempts were ready means that others, or
// too many of its own, use the cores.
constexpr double kQueueMax = 0.1;
constexpr double kQueueNoticed = 0.05;
// An executor that is filled less than this was short of tasks.
constexpr double kFilledMin = 0.5;
constexpr RealSeconds kTinyMax{0.001};
constexpr RealSeconds kBatchTime{0.010};
// No executor needs so long for one task: then there were no more tasks.
constexpr RealSeconds kOverheadMax{0.0005};
constexpr uint64_t kBatchTasksMax = 10'000;
constexpr double kProcessBytesMin = 12 << 20;  // an idle interpreter
// Of an agent's memory; the rest is its own and the system's.
constexpr double kMemoryShareMax = 0.9;

double Slots(const WorkToJudge& work, ExecutorKind kind) {
  return static_cast<double>(work.evidence.slots[static_cast<size_t>(kind)]);
}

double AtOnceMax(const WorkToJudge& work, ExecutorKind kind) {
  double most = Slots(work, kind);
  if (kind == kProcessPool) most = std::floor(most / work.cpus_each);
  if (work.concurrency > 0) {
    most = std::min(most, static_cast<double>(work.concurrency));
  }
  if (work.tasks > 0) most = std::min(most, static_cast<double>(work.tasks));
  return std::max(most, 1.0);
}

// How many processes run it on an agent; 0 if it runs within the agent.
double Processes(const WorkToJudge& work, ExecutorKind kind) {
  const double most = AtOnceMax(work, kind);
  if (kind == kProcessPool) return most;
  if (!work.runs_user_code) return 0;
  const double each =
      kind == kAsync ? kTasksPerLoopWorker : kTasksPerThreadsWorker;
  return std::min(static_cast<double>(work.cores), std::ceil(most / each));
}

template <typename Sum>
std::optional<double> ShareOf(const Known<Sum>& known, RealSeconds wall) {
  // What only few know says little of the rest.
  if (known.wall <= RealSeconds::zero() || known.wall < wall / 2) {
    return std::nullopt;
  }
  return known.sum / known.wall;
}

// How much of the time that its code is ready or computes it keeps Python's
// lock, where that is known.
std::optional<double> LockShareOf(const WorkToJudge& work) {
  const Evidence& evidence = work.evidence;
  const std::optional<double> held = ShareOf(evidence.gil_held, evidence.wall);
  const std::optional<double> cpu = ShareOf(evidence.cpu, evidence.wall);
  if (!work.is_python || !held || !cpu) return std::nullopt;
  const double ready =
      *cpu + ShareOf(evidence.run_queue_delay, evidence.wall).value_or(0);
  return ready > 0 ? std::clamp(*held / ready, 0.0, 1.0) : 0;
}

// The cores that threads keep busy who keep the lock for `share` of the time
// that they compute: its holders compute one at a time in each process.
Interval CoresOfTurns(double share, double processes, double most) {
  const auto cores = [&](double held, double cost) {
    return std::min(most, processes / std::max(held, 1e-3)) * (1 - cost * held);
  };
  return {cores(std::min(share + kHeldError, 1.0), 1 - kTurnsWorst),
          cores(share, 1 - kTurnsMean), cores(share - kHeldError, 0)};
}

// How many cores it can keep busy there: at least, if its code keeps Python's
// lock all the time, and at most.
Interval CoresOf(const WorkToJudge& work, ExecutorKind kind) {
  const auto cores = static_cast<double>(work.cores);
  const double most = std::min(cores, AtOnceMax(work, kind));
  double least = most;
  if (kind == kAsync) {
    least = work.runs_user_code ? Processes(work, kind) : 1;
    return {least, least, least};
  }
  if (kind == kThreadPool && work.is_python) {
    least = std::min(most, Processes(work, kind));
    if (const std::optional<double> share = LockShareOf(work)) {
      return CoresOfTurns(*share, least, most);
    }
  }
  const double middle = (least + most) / 2;
  if (kind != kThreadPool || !work.is_python) return {least, middle, most};
  return {least * kTurnsWorst, middle * kTurnsMean, most};
}

Measures MeasuresOf(const WorkToJudge& work) {
  const Evidence& evidence = work.evidence;
  Measures measures;
  measures.attempts = evidence.attempts;
  measures.mean = evidence.mean_wall();
  measures.at_once = evidence.concurrency();
  measures.at_once_max = AtOnceMax(work, work.executor);
  if (evidence.active > RealSeconds::zero()) {
    measures.per_second = evidence.attempts / evidence.active.count();
  }
  measures.cpu = ShareOf(evidence.cpu, evidence.wall);
  measures.queue = ShareOf(evidence.run_queue_delay, evidence.wall);
  if (work.executor == kThreadPool && work.is_python) {
    measures.lock = ShareOf(evidence.gil_wait, evidence.wall);
  }
  if (work.executor == kProcessPool && work.is_python) {
    measures.held = ShareOf(evidence.gil_held, evidence.wall);
  }
  if (work.executor == kAsync) {
    measures.turn = ShareOf(evidence.loop_wait, evidence.wall);
  }
  if (measures.cpu) {
    measures.cores_used = measures.at_once * *measures.cpu;
    const bool lock_may_be = work.executor == kThreadPool && work.is_python;
    if (!lock_may_be || measures.lock) {
      measures.other = std::max(
          0.0, 1 - *measures.cpu - measures.queue.value_or(0) -
                   measures.lock.value_or(0) - measures.turn.value_or(0));
    }
  }
  if (evidence.loop_lag.wall >= evidence.wall / 2 &&
      evidence.loop_lag.attempts > 0) {
    measures.lag = evidence.loop_lag.sum / evidence.loop_lag.attempts;
  }
  if (evidence.memory_bytes.attempts > 0) {
    measures.memory_bytes =
        evidence.memory_bytes.sum / evidence.memory_bytes.attempts;
  }
  return measures;
}

// Whether computing is what it does, as far as it can.
bool IsBusy(const WorkToJudge& work, const Measures& measures) {
  const double least = work.executor == kAsync ? kLoopBusyMin : kBusyMin;
  return measures.cores_used >= least * CoresOf(work, work.executor).high;
}

// Whether threads take turns: their processes compute as much as if each had
// one thread, while others wait for its lock.
bool IsLockBound(const WorkToJudge& work, const Measures& measures) {
  if (work.executor != kThreadPool || !work.is_python) return false;
  const double turns = Processes(work, work.executor);
  const double lock = measures.lock.value_or(0);
  return (lock >= kLockNoticed &&
          measures.cores_used >= kTurnsBusyMin * turns) ||
         (lock >= kLockSeen && measures.cores_used >= kBusyMin * turns &&
          measures.cores_used <= 1.1 * turns &&
          turns < CoresOf(work, work.executor).high);
}

// Whether its loops stand still in calls that block, and do not compute. A loop
// that others keep from a core looks the same, but for how little it computes.
bool IsStuck(const WorkToJudge& work, const Measures& measures) {
  return work.executor == kAsync && work.blocks_its_loop &&
         measures.cores_used < kStuckMax * CoresOf(work, work.executor).high;
}

// Whether what threads wait for is one another: all cores compute, and next to
// nobody stands in the queue for them. Were it anything outside, those that it
// lets go would queue for the cores.
bool IsTakingTurns(const WorkToJudge& work, const Measures& measures) {
  return work.executor == kThreadPool && IsBusy(work, measures) &&
         measures.other.value_or(0) >
             4 * (measures.queue.value_or(0) + measures.lock.value_or(0));
}

// What one attempt takes if nothing is in its way, in seconds.
Interval AloneOf(const WorkToJudge& work, const Measures& measures) {
  const double mean = measures.mean.count();
  const double cpu = std::min(*measures.cpu, 1.0) * mean;
  const double ready = mean * (1 - std::min(measures.queue.value_or(0), 1.0));
  double low = ready;
  double high = ready;
  std::optional<double> guess;
  if (work.executor == kThreadPool) {
    const double lock = measures.lock.value_or(0) * mean;
    const bool is_known =
        work.is_python ? measures.lock.has_value() : measures.queue.has_value();
    low = is_known ? ready - lock * (1 + kLockError) : cpu;
    high = ready - lock * (1 - kLockError);
    if (is_known) guess = ready - lock;
    if (IsTakingTurns(work, measures)) guess = low = cpu;
  } else if (work.executor == kAsync && measures.turn) {
    const double turn = *measures.turn * mean;
    const double error = work.is_python ? kTurnError : kNativeTurnError;
    low = ready - turn * (1 + error);
    high = ready - turn * (1 - error);
    guess = ready - turn;
  } else if (IsStuck(work, measures)) {
    // The utilization law: a loop that never rests holds each attempt for its
    // part of the time, if all of them have some.
    low = Processes(work, kAsync) / measures.per_second;
    guess = low;
  } else if (work.executor == kAsync) {
    // Waiting for its turn looks like waiting for anything else; how much of
    // it there is follows from how busy the loop is.
    const double busy = measures.cores_used / CoresOf(work, work.executor).high;
    low = busy < 0.5 ? cpu + (ready - cpu) * (1 - busy) : cpu;
    if (busy >= 0.5 && measures.lag) guess = ready - measures.lag->count();
  }
  low = std::max(low, std::max(cpu, 1e-9));
  high = std::max(high, low);
  return {low, std::clamp(guess.value_or((low + high) / 2), low, high), high};
}

// Half the width of what chance and the model leave open, as a share.
double ErrorOf(const Evidence& evidence) {
  const double chance =
      2 * evidence.spread() / std::sqrt(std::max(evidence.attempts, 1.0));
  return std::min(std::hypot(chance, kModelError), 0.9);
}

// Ready without a core, as a share of all the time in which it was ready; 0
// where that is next to nothing of what it took. What shares a loop is ready
// without one for its own steps alone: there it is the loops that stand in the
// queue.
double Crowding(const WorkToJudge& work, const Measures& measures) {
  const double queue = measures.queue.value_or(0);
  const double noticed =
      work.executor == kAsync ? queue * measures.at_once : queue;
  if (noticed < kQueueNoticed) return 0;
  const double ready = *measures.cpu + queue;
  return ready > 0 ? queue / ready : 0;
}

// The cores that it gets there, if others want them too.
Interval CrowdedCores(const WorkToJudge& work, const Measures& measures,
                      Interval cores) {
  const double crowding = Crowding(work, measures);
  if (crowding <= kQueueMax) return cores;
  const double used = measures.cores_used;
  // Who is ready gets so much of a core as now, if all goes well; perhaps it
  // gets no more in all than it has.
  double guess = cores.middle * (1 - crowding);
  // More of its own than there are cores would queue on a machine of their own.
  const double ready = measures.at_once * (*measures.cpu + *measures.queue);
  const auto all = static_cast<double>(work.cores);
  if (ready > 1.5 * all) guess = (used + cores.middle) / 2;
  cores.low = std::min(cores.low, used);
  cores.middle = std::clamp(guess, used, std::max(used, cores.high));
  cores.high = std::max(cores.middle, cores.high);
  return cores;
}

// For how long one attempt would hold a loop of Python's, in seconds: while it
// computes, and in calls that block.
Interval HoldsOf(const WorkToJudge& work, const Measures& measures,
                 double cpu) {
  if (!work.is_python || work.executor == kAsync) return {cpu, cpu, cpu};
  const Interval alone = AloneOf(work, measures);
  if (!measures.lag) return {cpu, cpu, std::max(cpu, alone.high)};
  // Turns that it waited for are no calls.
  const double turns = measures.queue.value_or(0) + measures.lock.value_or(0);
  const double held =
      std::clamp(measures.lag->count() - turns * measures.mean.count(), cpu,
                 std::max(cpu, alone.high));
  return {cpu, held < alone.middle / 2 ? cpu : held, held};
}

// How much of what is there its attempts made use of. What kept slots empty
// here, as the last tasks of a job, may do so there; but where the cores, the
// lock or the loops are in use all the time, so that those who bring new tasks
// wait for them too, it is their use that counts.
double FilledOf(const WorkToJudge& work, const Measures& measures) {
  double filled = measures.at_once / measures.at_once_max;
  if (IsLockBound(work, measures) || IsStuck(work, measures)) {
    filled = 1;
  } else if (IsBusy(work, measures) && work.executor != kProcessPool) {
    filled = std::max(filled,
                      measures.cores_used / CoresOf(work, work.executor).high);
  }
  return std::min(filled, 1.0);
}

// What it would cost more there, in seconds, as each coroutine has a loop.
Interval OwnLoopOf(const WorkToJudge& work, ExecutorKind kind) {
  const Known<double>& waits = work.evidence.switches_voluntary;
  if (!work.is_python || work.executor != kAsync || kind == kAsync ||
      waits.attempts <= 0) {
    return {};
  }
  const OwnLoopCost& cost =
      kind == kThreadPool ? kOwnLoopOfThread : kOwnLoopOfProcess;
  const double middle =
      cost.once + waits.sum / waits.attempts * cost.for_each_wait;
  return {middle / 2, middle, middle * 1.5};
}

Interval GainOn(const WorkToJudge& work, const Measures& measures,
                ExecutorKind kind) {
  const double most = AtOnceMax(work, kind);
  const Interval alone = AloneOf(work, measures);
  const Interval cores = CrowdedCores(work, measures, CoresOf(work, kind));
  double cpu = *measures.cpu * measures.mean.count();
  if (work.runs_user_code) cpu += kOverheadSeconds[static_cast<size_t>(kind)];
  cpu = std::max(cpu, 1e-9);
  Interval loops = {1e12, 1e12, 1e12};  // where there are none, no bound
  if (kind == kAsync) {
    const Interval holds = HoldsOf(work, measures, cpu);
    const double count = CoresOf(work, kind).high;
    loops = {count / holds.high, count / holds.middle, count / holds.low};
  }
  const double now = measures.per_second;
  const double error = ErrorOf(work.evidence);
  const double filled = FilledOf(work, measures);
  const Interval own = OwnLoopOf(work, kind);
  double between = 0;
  if (work.runs_user_code && kind != kProcessPool) {
    between = std::min(kBetweenEach * most, kBetweenMax);
  }
  const auto gain = [&](double slot, double of_cores, double of_loops,
                        double more) {
    return std::min({most / (slot + more), of_cores / (cpu + more), of_loops}) /
           now;
  };
  // As many tasks as were brought here can be brought there: slots that stood
  // empty take something of what is more than that.
  const auto brought = [&](double all) {
    return all <= 1 ? all : std::max(1.0, all * filled);
  };
  return {
      .low = gain(alone.high + 1.5 * between, cores.low, loops.low, own.high) *
             filled * (1 - error),
      .middle = brought(
          gain(alone.middle + between, cores.middle, loops.middle, own.middle)),
      .high = gain(alone.low, cores.high, loops.high, own.low) * (1 + error)};
}

Interval MemoryOn(const WorkToJudge& work, const Measures& measures,
                  ExecutorKind kind) {
  const double now = Processes(work, work.executor);
  const double then = Processes(work, kind);
  if (measures.memory_bytes <= 0 || now == 0 || then == 0) return {};
  const double each_now = std::max(1.0, measures.at_once_max / now);
  const double each_then = std::max(1.0, AtOnceMax(work, kind) / then);
  const double one = measures.memory_bytes;
  // What a process holds is partly its program's and partly its tasks'.
  const double idle = std::min(one, kProcessBytesMin);
  const double by_task = idle + (one - idle) / each_now * each_then;
  const double low = then * std::min(one, by_task);
  const double high = then * std::max(one, by_task);
  return {low, (low + high) / 2, high};
}

// Who shares a process also shares what it has loaded, so that only the low end
// is sure.
bool Fits(const WorkToJudge& work, ExecutorKind kind, const Interval& memory) {
  const double most = work.evidence.agent_memory_bytes * kMemoryShareMax;
  return most <= 0 ||
         (kind == kProcessPool ? memory.middle : memory.low) <= most;
}

Bound BoundOf(const WorkToJudge& work, const Measures& measures) {
  const double cores = CoresOf(work, work.executor).high;
  if (IsLockBound(work, measures)) return Bound::kLock;
  if (IsStuck(work, measures)) return Bound::kLoop;
  if (IsBusy(work, measures)) {
    const bool all = cores >= static_cast<double>(work.cores);
    return work.executor == kAsync && !all ? Bound::kLoop : Bound::kCores;
  }
  if (Crowding(work, measures) > 0.3) return Bound::kMachine;
  if (measures.other.value_or(0) >= 0.5) return Bound::kWaits;
  return Bound::kUnknown;
}

// Of what tiny tasks took, how much they would by themselves: many threads with
// next to nothing to do each wait for one another most, and the few tasks that
// somebody kept from a core may have taken longer than all others together.
double ShareAlone(const WorkToJudge& work, const Measures& measures) {
  const Known<RealSeconds>& queue = work.evidence.run_queue_delay;
  if (!measures.cpu || work.evidence.wall <= RealSeconds::zero()) return 1;
  // What was in the queue for a core between short tasks is in there too.
  const double queued = std::min(queue.sum, queue.wall) / work.evidence.wall;
  return std::clamp(1 - queued - measures.lock.value_or(0),
                    std::min(*measures.cpu, 1.0), 1.0);
}

// Whether handing tasks out costs more than running them; then `verdict` says
// how many one should hold.
bool IsTooSmall(const WorkToJudge& work, Verdict& verdict) {
  const Measures& measures = verdict.measures;
  if (!work.runs_user_code || measures.per_second <= 0) return false;
  const double mean = measures.mean.count() * ShareAlone(work, measures);
  if (mean >= kTinyMax.count()) return false;
  // Such code hardly lets the lock go.
  double cores = CoresOf(work, work.executor).high;
  if (work.executor == kThreadPool && work.is_python) {
    cores = std::min(cores, Processes(work, kThreadPool));
  }
  const double slot = cores / measures.per_second;
  const double overhead = slot - mean;
  if (overhead < mean || overhead > kOverheadMax.count()) return false;
  verdict.kept = RealSeconds(slot);
  verdict.alone = RealSeconds(mean);
  const double wanted = std::ceil(kBatchTime.count() / std::max(mean, 1e-7));
  verdict.batch_tasks =
      std::clamp<uint64_t>(static_cast<uint64_t>(wanted), 2, kBatchTasksMax);
  const double then =
      mean + overhead / static_cast<double>(verdict.batch_tasks);
  const double gain = slot / then;
  const double error = ErrorOf(work.evidence) + 0.15;
  verdict.gain = {std::max(gain * (1 - error), 1.0), std::max(gain, 1.0),
                  std::max(gain * (1 + error), 1.0)};
  return verdict.gain.low >= kGainMin;
}

void Advise(const WorkToJudge& work, Verdict& verdict) {
  const Measures& measures = verdict.measures;
  const double cores = CoresOf(work, work.executor).high;
  if (work.blocks_its_loop) verdict.advice.push_back(Advice::kBlocks);
  const bool is_busy = IsBusy(work, measures);
  if (is_busy && work.executor == kAsync) {
    verdict.advice.push_back(
        verdict.bound == Bound::kLoop ? Advice::kOffload : Advice::kMakeFaster);
  } else if (is_busy && verdict.code == VerdictCode::kStay) {
    verdict.advice.push_back(Advice::kMakeFaster);
  }
  if (is_busy && work.executor != kProcessPool &&
      measures.at_once >= 8 * cores) {
    verdict.enough_at_once = static_cast<uint64_t>(4 * cores);
    verdict.advice.push_back(Advice::kLessAtOnce);
  }
  const auto cap = static_cast<double>(work.concurrency);
  if (cap > 0 && cap < Slots(work, work.executor) &&
      measures.at_once >= 0.8 * cap && verdict.bound == Bound::kWaits &&
      measures.cores_used < cores / 2) {
    verdict.advice.push_back(Advice::kMoreAtOnce);
  }
}

std::optional<VerdictCode> WhyNot(const WorkToJudge& work,
                                  const Measures& measures) {
  if (measures.attempts < kAttemptsToJudgeMin ||
      std::max(work.evidence.wall, work.evidence.active) < kTimeToJudgeMin ||
      measures.per_second <= 0) {
    return VerdictCode::kTooFew;
  }
  if (!measures.cpu) return VerdictCode::kCpuUnknown;
  const bool is_full = measures.at_once >= kFilledMin * measures.at_once_max;
  if (!is_full && !IsBusy(work, measures) && !IsLockBound(work, measures) &&
      !IsStuck(work, measures)) {
    return VerdictCode::kTooLittleToDo;
  }
  return std::nullopt;
}

// The best of the others, if one is surely worth it.
void Choose(Verdict& verdict) {
  const Prediction* best = nullptr;
  const Prediction* little = nullptr;
  bool may_be_better = false;
  for (const Prediction& one : verdict.predictions) {
    if (!one.fits) {
      if (one.gain.low >= kGainMin) verdict.advice.push_back(Advice::kMemory);
      continue;
    }
    may_be_better |= one.gain.middle >= kGainMin;
    if (one.gain.low > 1 &&
        (little == nullptr || one.gain.middle > little->gain.middle)) {
      little = &one;
    }
    if (one.gain.low < kGainMin) continue;
    if (best == nullptr || one.gain.middle > best->gain.middle) best = &one;
  }
  if (best != nullptr) {
    verdict.code = VerdictCode::kMove;
    verdict.best = best->executor;
    verdict.gain = best->gain;
  } else {
    verdict.code = may_be_better ? VerdictCode::kUndecided : VerdictCode::kStay;
    if (little != nullptr) verdict.leaning = little->executor;
  }
}

}  // namespace

Verdict Judge(const WorkToJudge& work) {
  CHECK(work.cores > 0 && work.cpus_each > 0);
  Verdict verdict;
  verdict.measures = MeasuresOf(work);
  const Measures& measures = verdict.measures;
  const std::optional<VerdictCode> why_not = WhyNot(work, measures);
  const bool has_few = why_not == VerdictCode::kTooFew;
  if (!has_few && IsTooSmall(work, verdict)) {
    verdict.code = VerdictCode::kBatch;
    return verdict;
  }
  verdict.gain = {1, 1, 1};
  if (why_not) {
    verdict.code = *why_not;
    if (work.blocks_its_loop) verdict.advice.push_back(Advice::kBlocks);
    return verdict;
  }
  verdict.bound = BoundOf(work, measures);
  if (work.executor == kProcessPool && *measures.cpu > 1.3 * work.cpus_each) {
    verdict.code = VerdictCode::kMoreCpus;
    verdict.cpus_used = *measures.cpu;
    return verdict;
  }
  for (const ExecutorKind kind : work.others) {
    if (kind == work.executor || Slots(work, kind) < 1) continue;
    const Interval memory = MemoryOn(work, measures, kind);
    verdict.predictions.push_back({.executor = kind,
                                   .gain = GainOn(work, measures, kind),
                                   .memory_bytes = memory,
                                   .fits = Fits(work, kind, memory)});
  }
  Choose(verdict);
  Advise(work, verdict);
  return verdict;
}

}  // namespace remuda
