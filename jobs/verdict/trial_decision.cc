#include "jobs/verdict/trial_decision.h"

#include <algorithm>
#include <cmath>

namespace remuda {
namespace {

// Before it is called too slow: so many times what the same tasks took
// before, and this for workers to start.
constexpr double kSlowFactor = 3;
constexpr RealSeconds kStartMax{5};

// Shorter CPU times than this say little about a task.
constexpr RealSeconds kCpuMin{0.001};

bool HasChanged(RealSeconds then, RealSeconds now) {
  if (then.count() <= 0 || now.count() <= 0) return false;
  const double factor = now / then;
  return factor >= kChangeMin || factor <= 1 / kChangeMin;
}

// Whether what a task takes on that executor is far from what it took when
// this was learned.
bool HasChanged(const LearnedChoice::Tried& tried, const Pace& now) {
  for (const Pace* then : {&tried.before, &tried.after}) {
    if (then->executor != now.executor) continue;
    const bool is_cpu_known = then->cpu >= kCpuMin || now.cpu >= kCpuMin;
    return HasChanged(then->wall, now.wall) ||
           (is_cpu_known && HasChanged(then->cpu, now.cpu));
  }
  return false;
}

// Whether these two were compared already, whichever was tried then.
const LearnedChoice::Tried* ComparedWith(const LearnedChoice& learned,
                                         ExecutorKind one, ExecutorKind other) {
  const LearnedChoice::Tried* newest = nullptr;
  for (const auto& tried : learned.tried) {
    if (!tried) continue;
    const ExecutorKind before = tried->before.executor;
    const ExecutorKind after = tried->after.executor;
    const bool is_of_both =
        (before == one && after == other) || (before == other && after == one);
    if (!is_of_both) continue;
    if (newest == nullptr || tried->at > newest->at) newest = &*tried;
  }
  return newest;
}

}  // namespace

std::optional<TrialPlan> PlanTrial(const TrialToPlan& job) {
  const Verdict& verdict = job.verdict;
  if (verdict.code != VerdictCode::kMove || !verdict.best ||
      verdict.bound == Bound::kMachine || verdict.gain.low < kGainMin) {
    return std::nullopt;
  }
  const ExecutorKind best = *verdict.best;
  const Pace now = PaceOf(job.work.executor, job.work.evidence);
  if (const auto* tried = ComparedWith(job.learned, job.work.executor, best)) {
    if (job.now - tried->at < kTriedAgainAfter || !HasChanged(*tried, now)) {
      return std::nullopt;
    }
  }
  const uint64_t tasks =
      std::clamp(job.waiting / kTrialShare, kTrialTasksMin, kTrialTasksMax);
  if (job.waiting < tasks * kTrialsLeftMin) return std::nullopt;
  return TrialPlan{
      .executor = best, .tasks = tasks, .predicted_low = verdict.gain.low};
}

std::string_view Name(TrialResult result) {
  switch (result) {
    case TrialResult::kGoesOn:
      return "tried";
    case TrialResult::kKept:
      return "kept";
    case TrialResult::kLost:
      return "lost";
    case TrialResult::kFailed:
      return "failed";
    case TrialResult::kTooSlow:
      return "too_slow";
    case TrialResult::kNotMeasured:
      return "not_measured";
  }
  return "";
}

JudgedTrial JudgeTrial(const TrialToJudge& trial) {
  const Pace& before = trial.before;
  const Pace& after = trial.after;
  const auto failed_share = [](const Pace& pace) {
    return pace.attempts > 0 ? pace.failed / pace.attempts : 0;
  };
  if (trial.crashed > 0 ||
      (after.attempts >= kAttemptsToJudgeMin &&
       failed_share(after) > failed_share(before) + kFailedMoreMax)) {
    return {.result = TrialResult::kFailed};
  }
  const bool is_enough =
      after.attempts >= kAttemptsToJudgeMin && after.per_second > 0 &&
      before.per_second > 0 &&
      (trial.is_over || after.attempts >= static_cast<double>(trial.tasks) ||
       after.attempts / after.per_second >= kTimeToJudgeMin.count());
  if (!is_enough) {
    if (trial.is_over) return {.result = TrialResult::kNotMeasured};
    const RealSeconds expected{before.per_second > 0
                                   ? static_cast<double>(trial.tasks) /
                                         before.per_second
                                   : 0};
    const bool is_slow = trial.lasted > kStartMax + kSlowFactor * expected;
    return {.result = is_slow ? TrialResult::kTooSlow : TrialResult::kGoesOn};
  }
  const double gain = after.per_second / before.per_second;
  const double error =
      std::sqrt(before.spread * before.spread / before.attempts +
                after.spread * after.spread / after.attempts);
  const bool is_won = gain >= kKeptGainMin && gain >= 1 + 2 * error;
  return {.result = is_won ? TrialResult::kKept : TrialResult::kLost,
          .gain = gain};
}

LearnedChoice::Tried TriedOf(const TrialToJudge& trial,
                             const JudgedTrial& judged) {
  return {.before = trial.before,
          .after = trial.after,
          .gain = judged.gain,
          .is_kept = judged.result == TrialResult::kKept,
          .job = {},
          .at = {}};
}

}  // namespace remuda
