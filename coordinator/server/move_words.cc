#include "coordinator/server/move_words.h"

#include <cstdio>

namespace remuda {
namespace {

std::string Count(double attempts) {
  return std::to_string(static_cast<uint64_t>(attempts + 0.5)) + " tasks";
}

std::string NameOf(ExecutorKind kind) { return std::string(Name(kind)); }

}  // namespace

std::string GainText(double gain) {
  char text[32];
  std::snprintf(text, sizeof(text), gain < 9.95 ? "%.1fx" : "%.0fx", gain);
  return text;
}

std::string TrialReason(const Pace& before, const TrialPlan& plan,
                        const Interval& gain) {
  return "on trial for " + std::to_string(plan.tasks) + " tasks: after " +
         Count(before.attempts) + " on " + NameOf(before.executor) + " " +
         NameOf(plan.executor) + " is predicted " + GainText(gain.middle) +
         " (" + GainText(gain.low) + " to " + GainText(gain.high) + ")";
}

std::string KeptReason(const TrialToJudge& trial, const JudgedTrial& judged) {
  return "moved from " + NameOf(trial.before.executor) + " to " +
         NameOf(trial.after.executor) + " after " +
         Count(trial.before.attempts) + " and kept: " + GainText(judged.gain) +
         ", measured over " + Count(trial.after.attempts);
}

std::string ReturnReason(const TrialToJudge& trial, const JudgedTrial& judged,
                         ExecutorKind tried, const std::string& first) {
  std::string why;
  switch (judged.result) {
    case TrialResult::kFailed:
      why = "where more tasks failed";
      break;
    case TrialResult::kTooSlow:
      why = "which took far longer";
      break;
    case TrialResult::kNotMeasured:
      why = "which could not be measured";
      break;
    default:
      why = "which was no faster: " + GainText(judged.gain) +
            ", measured over " + Count(trial.after.attempts);
      break;
  }
  return first + "; back from " + NameOf(tried) + ", " + why;
}

std::string LearnedReason(const LearnedChoice::Tried& kept) {
  return "learned on " + DayText(kept.at) + ": " + GainText(kept.gain) +
         " of " + NameOf(kept.before.executor) + ", measured over " +
         Count(kept.after.attempts);
}

}  // namespace remuda
