#pragma once

#include <string>

namespace remuda {

// How verdicts look to people. `verdict` is the JSON that the coordinator sent
// (docs/VERDICT.md); what is not there is not shown.

// All of one: the sentence, why this executor was chosen, what the others are
// predicted to do, advice, and the evidence.
std::string VerdictPage(const std::string& verdict);

// The sentence with its advice, for lists.
std::string VerdictLines(const std::string& verdict);

// What the summary of a job should say of its verdict: the sentence if a
// change is worth it, else nothing.
std::string VerdictToMention(const std::string& verdict);

}  // namespace remuda
