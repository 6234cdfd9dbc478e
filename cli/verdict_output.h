#pragma once

#include <string>
#include <vector>

#include "jobs/lock_file.h"

namespace remuda {

// How verdicts look to people. `verdict` is the JSON that the coordinator sent
// (docs/VERDICT.md); what is not there is not shown.

// All of one: the sentence, why this executor was chosen, what the others are
// predicted to do, advice, and the evidence.
std::string VerdictPage(const std::string& verdict);

// The sentence with its advice, for lists.
std::string VerdictLines(const std::string& verdict);

// What was learned, for a lock file: of each kind of work that was tried the
// executor that won, or stayed.
std::vector<LockEntry> LearnedEntries(const std::vector<std::string>& verdicts);

// What the summary of a job should say of its verdict: the sentence if a
// change is worth it, else nothing.
std::string VerdictToMention(const std::string& verdict);

}  // namespace remuda
