#pragma once

#include <string>

#include "jobs/verdict/learned_choice.h"
#include "jobs/verdict/trial_decision.h"
#include "jobs/verdict/verdict.h"

namespace remuda {

// Why a job has the executor that it has, where that was learned. Sentences
// without their full stops, for a job's `executor_reason`.

std::string TrialReason(const Pace& before, const TrialPlan& plan,
                        const Interval& gain);
std::string KeptReason(const TrialToJudge& trial, const JudgedTrial& judged);
// `first` is the reason for the executor that it goes back to.
std::string ReturnReason(const TrialToJudge& trial, const JudgedTrial& judged,
                         ExecutorKind tried, const std::string& first);
// Of a later job of the kind.
std::string LearnedReason(const LearnedChoice::Tried& kept);

// "12x", "1.3x".
std::string GainText(double gain);

}  // namespace remuda
