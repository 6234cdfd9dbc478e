#pragma once

#include <string>

#include "jobs/verdict/verdict.h"

namespace remuda {

// The verdict in one sentence: what ran where, what the evidence is, what the
// best of the others would gain, what to do. `name` is what to call the work.
std::string VerdictSentence(const std::string& name, const WorkToJudge& work,
                            const Verdict& verdict);

// One piece of advice, in one sentence.
std::string AdviceSentence(Advice advice, const WorkToJudge& work,
                           const Verdict& verdict);

// "1.9x (1.7 to 2.0)".
std::string GainText(const Interval& gain);

}  // namespace remuda
