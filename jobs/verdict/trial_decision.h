#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "jobs/states.h"
#include "jobs/verdict/evidence.h"
#include "jobs/verdict/learned_choice.h"
#include "jobs/verdict/verdict.h"

namespace remuda {

// A trial is so large a part of what is left of its job, and within these.
inline constexpr uint64_t kTrialShare = 20;
inline constexpr uint64_t kTrialTasksMin = 16;
inline constexpr uint64_t kTrialTasksMax = 500;
// A job with less left than so many trials is not worth one.
inline constexpr uint64_t kTrialsLeftMin = 4;
// A winner is so much faster, and by more than twice the standard error.
inline constexpr double kKeptGainMin = 1.1;
// More failures than before by this share of its tasks end a trial.
inline constexpr double kFailedMoreMax = 0.05;
// An alternative that was tried is tried again if what a task takes has
// changed by this factor, and not before so long.
inline constexpr double kChangeMin = 2;
inline constexpr Duration kTriedAgainAfter = std::chrono::hours(1);

// Where a job stands that may be moved.
struct TrialToPlan {
  const WorkToJudge& work;  // of the job, since it is on this executor
  const Verdict& verdict;   // of that
  uint64_t waiting = 0;     // of its tasks, not granted yet
  const LearnedChoice& learned;
  WallTime now{};
};

struct TrialPlan {
  ExecutorKind executor = ExecutorKind::kProcessPool;
  uint64_t tasks = 0;
  double predicted_low = 0;
};

// Whether the other executor is worth a trial now: if the verdict says move,
// the machine is the job's own, enough is left, and what is known of the kind
// does not speak against it. Pure.
std::optional<TrialPlan> PlanTrial(const TrialToPlan& job);

// How a trial stands.
struct TrialToJudge {
  Pace before;
  Pace after;
  uint64_t tasks = 0;    // that it was given
  bool is_over = false;  // none of them runs any more
  RealSeconds lasted{};  // since the job moved
  uint64_t crashed = 0;  // of its tasks, with their worker
};

enum class TrialResult : uint8_t {
  kGoesOn,
  kKept,
  kLost,         // not faster by more than noise
  kFailed,       // its tasks fail more often, or crash
  kTooSlow,      // takes far longer than the same tasks did before
  kNotMeasured,  // is over, and too few of its tasks said anything
};
inline constexpr int kTrialResults = 6;

struct JudgedTrial {
  TrialResult result = TrialResult::kGoesOn;
  double gain = 0;  // 0: not measured
};

// "kept", "lost" and so on; [a-z_] only.
std::string_view Name(TrialResult result);

// Pure.
JudgedTrial JudgeTrial(const TrialToJudge& trial);

// What is known for later jobs of the kind once the trial has ended so.
LearnedChoice::Tried TriedOf(const TrialToJudge& trial,
                             const JudgedTrial& judged);

}  // namespace remuda
