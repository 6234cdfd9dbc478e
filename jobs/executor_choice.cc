#include "jobs/executor_choice.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "base/check.h"
#include "jobs/json_text.h"
#include "jobs/nearest_name.h"

namespace remuda {
namespace {

constexpr ExecutorKind kAsync = ExecutorKind::kAsync;
constexpr ExecutorKind kThreadPool = ExecutorKind::kThreadPool;
constexpr ExecutorKind kProcessPool = ExecutorKind::kProcessPool;

constexpr ChoiceRule kRules[] = {
    {.workload = Workload::kIo,
     .form = CodeForm::kAsync,
     .executor = kAsync,
     .reason = "{} waits more than it computes, and an event loop holds "
               "thousands of waiting tasks at once"},
    {.workload = Workload::kIo,
     .executor = kThreadPool,
     .reason = "{} waits, for all that is known in calls that block, and "
               "threads wait side by side"},
    {.workload = Workload::kBlocking,
     .executor = kThreadPool,
     .reason = "{} makes calls that block, so it runs on threads that may be "
               "blocked"},
    {.workload = Workload::kVectorized,
     .runs_user_code = true,
     .executor = kProcessPool,
     .reason = "{} computes in a library with threads of its own, and a "
               "process gives it as many as it has cpus"},
    {.workload = Workload::kVectorized,
     .runs_user_code = false,
     .executor = kThreadPool,
     .reason = "{} computes in native code that takes no lock, and threads "
               "use every core at the least cost"},
    {.workload = Workload::kCpu,
     .executor = kProcessPool,
     .reason = "{} computes, and processes use every core without one lock"},
    {.workload = Workload::kUnknown,
     .form = CodeForm::kPlain,
     .executor = kProcessPool,
     .reason = "{} calls a plain def of unknown workload, and in a process of "
               "its own a crash or a hang costs one task"},
    {.workload = Workload::kUnknown,
     .form = CodeForm::kUnknown,
     .executor = kProcessPool,
     .reason = "nothing is known of what {} runs, and in a process of its own "
               "a crash or a hang costs one task"},
    {.workload = Workload::kUnknown,
     .form = CodeForm::kAsync,
     .executor = kAsync,
     .reason = "{} calls an async def, which waits side by side with others "
               "and may offload what it computes"},
};

bool Fits(const ChoiceRule& rule, const WorkFacts& facts) {
  return rule.workload == facts.workload &&
         (!rule.form || *rule.form == facts.form) &&
         (!rule.runs_user_code || *rule.runs_user_code == facts.runs_user_code);
}

const ChoiceRule& RuleFor(const WorkFacts& facts) {
  const auto* rule =
      std::find_if(std::begin(kRules), std::end(kRules),
                   [&](const ChoiceRule& one) { return Fits(one, facts); });
  CHECK(rule != std::end(kRules));
  return *rule;
}

std::string WithName(std::string_view reason, const JobType& type) {
  std::string text(reason);
  const size_t at = text.find("{}");
  if (at != std::string::npos) text.replace(at, 2, "'" + type.name + "'");
  return text;
}

bool CanRunOn(const JobType& type, ExecutorKind kind) {
  return std::find(type.executors.begin(), type.executors.end(), kind) !=
         type.executors.end();
}

std::string ExecutorNames(const JobType& type) {
  std::vector<std::string> names;
  for (const ExecutorKind kind : type.executors) {
    names.emplace_back(Name(kind));
  }
  return JoinNames(names);
}

std::string Quoted(ExecutorKind kind) {
  return "'" + std::string(Name(kind)) + "'";
}

// Why the job can never run there; empty if it can.
std::string WhyImpossible(const Job& job, const JobType& type,
                          const WorkFacts& facts, ExecutorKind kind) {
  if (!CanRunOn(type, kind)) {
    return "job type '" + type.name + "' cannot run on the executor " +
           Quoted(kind) + "; it can run on " + ExecutorNames(type);
  }
  if (kind == kAsync && facts.runs_user_code &&
      facts.form == CodeForm::kPlain) {
    return "the executor 'async' needs an async def, and the function of this "
           "job is a plain def; use 'thread-pool', or make it an async def";
  }
  if (kind != kProcessPool && job.timeout_is_hard) {
    return "'enforce: hard' cannot be kept on the executor " + Quoted(kind) +
           ": tasks share a process there; use 'process-pool'";
  }
  if (kind != kProcessPool && job.resources.memory_bytes != 0) {
    return "'resources.memory' cannot be kept on the executor " + Quoted(kind) +
           ": tasks share a process there; use 'process-pool'";
  }
  return "";
}

// Why something else is better, where the job could run on this one too.
std::string_view WhyWorse(const WorkFacts& facts, ExecutorKind kind) {
  const bool waits =
      facts.workload == Workload::kIo || facts.workload == Workload::kBlocking;
  switch (kind) {
    case kAsync:
      if (facts.runs_user_code && facts.form == CodeForm::kUnknown) {
        return "only an async def can run there, which this is not known to "
               "be";
      }
      return "whatever computes or blocks would hold up every other task of "
             "its loop";
    case kThreadPool:
      if (facts.form == CodeForm::kAsync && waits) {
        return "a thread for each task that waits, so far fewer at once";
      }
      if (facts.workload == Workload::kCpu ||
          facts.workload == Workload::kVectorized) {
        return "threads of one process share its locks, as Python's, and a "
               "crash costs the neighbours";
      }
      return "a crash or an endless loop costs the neighbours";
    case kProcessPool:
      return waits ? "a process for each task that waits, so as few at once "
                     "as there are cores"
                   : "a process for each task costs more than it needs";
  }
  CHECK(false);
  return "";
}

// With the form the table would perhaps have chosen otherwise, and the person
// could have it so. Types that declare their workload are calls of functions.
bool MissesTheForm(const JobType& type, const WorkFacts& facts) {
  return type.declares_workload && facts.form == CodeForm::kUnknown &&
         (facts.workload == Workload::kIo ||
          facts.workload == Workload::kUnknown);
}

absl::Status CheckHard(const Job& job, const JobType& type) {
  if (!job.timeout_is_hard) return absl::OkStatus();
  if (type.killable && CanRunOn(type, kProcessPool)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "'enforce: hard' needs the executor 'process-pool', and job type '" +
      type.name + "' can run on " + ExecutorNames(type) +
      " only; leave 'enforce' out");
}

absl::Status CheckMemory(const Job& job, const JobType& type) {
  if (job.resources.memory_bytes == 0) return absl::OkStatus();
  if (CanRunOn(type, kProcessPool)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "'resources.memory' needs the executor 'process-pool', and job type '" +
      type.name + "' can run on " + ExecutorNames(type) +
      " only; leave 'memory' out");
}

// The table's choice, or the next best that is possible.
absl::StatusOr<ExecutorChoice> ByTable(const Job& job, const JobType& type,
                                       const WorkFacts& facts) {
  const ChoiceRule& rule = RuleFor(facts);
  if (WhyImpossible(job, type, facts, rule.executor).empty()) {
    return ExecutorChoice{rule.executor, WithName(rule.reason, type)};
  }
  std::string why_not;
  for (const ExecutorKind kind : type.executors) {
    why_not = WhyImpossible(job, type, facts, kind);
    if (!why_not.empty()) continue;
    return ExecutorChoice{kind, "'" + type.name + "' can run on " +
                                    ExecutorNames(type) + " only"};
  }
  return absl::InvalidArgumentError(why_not);
}

}  // namespace

std::span<const ChoiceRule> ChoiceRules() { return kRules; }

absl::StatusOr<WorkFacts> FactsOf(const Job& job, const JobType& type) {
  WorkFacts facts = {.workload = type.workload,
                     .form = type.form,
                     .runs_user_code = type.runs_user_code};
  if (type.runs_user_code && job.form != CodeForm::kUnknown) {
    facts.form = job.form;
  }
  if (!type.declares_workload) return facts;
  const std::optional<std::string> declared = JsonMember(job.with, "workload");
  if (!declared) return facts;
  std::vector<std::string> names;
  for (const std::string_view name : DeclaredWorkloads()) {
    names.emplace_back(name);
    if (*declared != JsonString(name)) continue;
    facts.workload = WorkloadFromName(name).value();
    return facts;
  }
  return absl::InvalidArgumentError("with.workload is one of " +
                                    JoinNames(names) + ", not " + *declared);
}

absl::StatusOr<ExecutorChoice> ChooseExecutor(const Job& job,
                                              const JobType& type) {
  const absl::StatusOr<WorkFacts> facts = FactsOf(job, type);
  if (!facts.ok()) return facts.status();
  const std::optional<ExecutorKind> asked =
      job.executor.exactly ? job.executor.exactly : job.executor.require;
  if (asked && !CanRunOn(type, *asked)) {
    return absl::InvalidArgumentError(WhyImpossible(job, type, *facts, *asked));
  }
  if (const absl::Status hard = CheckHard(job, type); !hard.ok()) return hard;
  if (const absl::Status memory = CheckMemory(job, type); !memory.ok()) {
    return memory;
  }
  if (asked) {
    std::string why_not = WhyImpossible(job, type, *facts, *asked);
    if (!why_not.empty()) return absl::InvalidArgumentError(why_not);
    return ExecutorChoice{*asked, "the spec asks for it"};
  }
  if (job.timeout_is_hard) {
    return ExecutorChoice{kProcessPool,
                          "'enforce: hard' needs a process that can be killed "
                          "without neighbours"};
  }
  if (job.resources.memory_bytes != 0) {
    return ExecutorChoice{kProcessPool,
                          "'resources.memory' needs a process of the task's "
                          "own, whose memory can be limited"};
  }
  std::string refused;
  if (job.executor.pinned) {
    const ExecutorKind kind = *job.executor.pinned;
    const std::string why_not = WhyImpossible(job, type, *facts, kind);
    if (why_not.empty()) {
      const std::string& reason = job.executor.pinned_reason;
      return ExecutorChoice{kind, "remuda.lock.yaml pins it" +
                                      (reason.empty() ? "" : ": " + reason)};
    }
    return absl::InvalidArgumentError("the lock file pins " + Quoted(kind) +
                                      ", but " + why_not);
  }
  if (job.executor.prefer) {
    const ExecutorKind kind = *job.executor.prefer;
    if (WhyImpossible(job, type, *facts, kind).empty()) {
      return ExecutorChoice{kind, "the spec prefers it"};
    }
    refused = "the spec prefers " + Quoted(kind) +
              (CanRunOn(type, kind) ? ", which needs an async def; "
                                    : ", which this type cannot run on; ");
  }
  absl::StatusOr<ExecutorChoice> choice = ByTable(job, type, *facts);
  if (!choice.ok()) return choice;
  choice->reason = refused + choice->reason;
  if (MissesTheForm(type, *facts)) {
    choice->reason +=
        "; the source of its function was not seen: if it is an async def, say "
        "executor: async";
  }
  return choice;
}

std::vector<ExecutorKind> SafeExecutors(const Job& job, const JobType& type) {
  std::vector<ExecutorKind> safe;
  const absl::StatusOr<WorkFacts> facts = FactsOf(job, type);
  if (!facts.ok() || !job.executor.is_auto() || job.executor.pinned) {
    return safe;
  }
  const std::vector<ExecutorKind> declared =
      !job.executor.safe_on.empty() ? job.executor.safe_on
      : type.declares_workload      ? std::vector<ExecutorKind>()
                                    : type.executors;
  for (const ExecutorKind kind : declared) {
    if (!WhyImpossible(job, type, *facts, kind).empty()) continue;
    const bool needs_form = facts->runs_user_code && kind == kAsync &&
                            facts->form != CodeForm::kAsync;
    if (!needs_form) safe.push_back(kind);
  }
  return safe;
}

absl::StatusOr<std::vector<OtherExecutor>> OtherExecutors(const Job& job,
                                                          const JobType& type) {
  const absl::StatusOr<ExecutorChoice> choice = ChooseExecutor(job, type);
  if (!choice.ok()) return choice.status();
  const absl::StatusOr<WorkFacts> facts = FactsOf(job, type);
  if (!facts.ok()) return facts.status();
  const bool asked = job.executor.exactly || job.executor.require;
  std::vector<OtherExecutor> others;
  for (const ExecutorKind kind : {kAsync, kThreadPool, kProcessPool}) {
    if (kind == choice->kind) continue;
    OtherExecutor other = {.kind = kind};
    other.why_not = WhyImpossible(job, type, *facts, kind);
    other.is_possible = other.why_not.empty();
    if (other.is_possible) {
      const ChoiceRule& rule = RuleFor(*facts);
      other.why_not =
          asked ? "the spec asks for another"
          : rule.executor == kind
              ? "`auto` would choose it: " + WithName(rule.reason, type)
              : std::string(WhyWorse(*facts, kind));
    }
    others.push_back(std::move(other));
  }
  return others;
}

std::string ChoiceTableMarkdown() {
  std::string text =
      "| workload | form | code | executor | reason |\n|---|---|---|---|---|\n";
  for (const ChoiceRule& rule : kRules) {
    const std::string form = rule.form ? std::string(Name(*rule.form)) : "any";
    const char* code = !rule.runs_user_code   ? "any"
                       : *rule.runs_user_code ? "the user's"
                                              : "shipped";
    std::string reason(rule.reason);
    const size_t at = reason.find("{}");
    if (at != std::string::npos) reason.replace(at, 2, "it");
    text += "| " + std::string(Name(rule.workload)) + " | " + form + " | " +
            code + " | " + std::string(Name(rule.executor)) + " | " + reason +
            " |\n";
  }
  return text;
}

}  // namespace remuda
