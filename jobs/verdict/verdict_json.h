#pragma once

#include <string>

#include "jobs/ids.h"
#include "jobs/verdict/learned_choice.h"
#include "jobs/verdict/verdict.h"

namespace remuda {

// A verdict with what it is of.
struct JudgedWork {
  std::string type;
  std::string function;  // work_name.h
  JobId job;             // the newest
  bool of_job = false;   // the evidence is of that job alone
  std::string executor_reason;
  std::string finding;  // what is wrong with its code; empty: nothing known
  WorkToJudge work;
  Verdict verdict;
  LearnedChoice learned;  // of its kind, whatever executor this one was on
};

// What to call it in a sentence: its function, else its type.
std::string WorkTitle(const JudgedWork& judged);

// A JSON object for programs and for the command line; docs/VERDICT.md names
// its members. Unknown is null.
std::string VerdictToJson(const JudgedWork& judged);

}  // namespace remuda
