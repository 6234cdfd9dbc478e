#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "jobs/job.h"
#include "jobs/job_type.h"
#include "jobs/states.h"

namespace remuda {

// What is known of the work of one job before it runs: the facts of its type,
// and for code of the user's own what the spec and the source say.
struct WorkFacts {
  Workload workload = Workload::kUnknown;
  CodeForm form = CodeForm::kUnknown;
  bool runs_user_code = false;

  friend bool operator==(const WorkFacts&, const WorkFacts&) = default;
};

// Errors: InvalidArgument if the spec declares a workload that does not exist.
absl::StatusOr<WorkFacts> FactsOf(const Job& job, const JobType& type);

// One row of the table by which `executor: auto` chooses: the first row that
// fits decides. A condition that is none fits everything.
struct ChoiceRule {
  Workload workload = Workload::kUnknown;
  std::optional<CodeForm> form = std::nullopt;
  std::optional<bool> runs_user_code = std::nullopt;
  ExecutorKind executor = ExecutorKind::kProcessPool;
  // A sentence without its full stop; {} stands for the type's name.
  std::string_view reason;
};

// In the order of the decision tree. docs/EXECUTORS.md shows the same table.
// Some row fits any facts.
std::span<const ChoiceRule> ChoiceRules();

// The executor that the job will run on, and the reason in one sentence.
struct ExecutorChoice {
  ExecutorKind kind = ExecutorKind::kProcessPool;
  std::string reason;
};

// What the spec asks for, or else the table. A preference that cannot be kept
// is no error; the reason tells of it.
// Errors: InvalidArgument if the spec asks for an executor that the job
// cannot run on; the message names the remedy. The same if `enforce: hard` is
// asked of a type or an executor that cannot keep it.
absl::StatusOr<ExecutorChoice> ChooseExecutor(const Job& job,
                                              const JobType& type);

// Where `auto` may move the job while it runs, beside where it is: if the spec
// leaves the choice and declares its code safe there, or if the type itself
// says where its tasks may run, as all do but those that call any function.
// Never a loop for what is not known to be an async def.
std::vector<ExecutorKind> SafeExecutors(const Job& job, const JobType& type);

// An executor that was not chosen, and why.
struct OtherExecutor {
  ExecutorKind kind = ExecutorKind::kAsync;
  bool is_possible = false;  // `executor:` may name it
  std::string why_not = {};
};

// All but the chosen one, for `remuda plan`. Errors: as ChooseExecutor.
absl::StatusOr<std::vector<OtherExecutor>> OtherExecutors(const Job& job,
                                                          const JobType& type);

// The table as docs/EXECUTORS.md has it.
std::string ChoiceTableMarkdown();

}  // namespace remuda
