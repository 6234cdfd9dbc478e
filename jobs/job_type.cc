#include "jobs/job_type.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/check.h"
#include "jobs/nearest_name.h"

namespace remuda {
namespace {

using Kind = ParameterFact::Kind;

constexpr ExecutorKind kAsync = ExecutorKind::kAsync;
constexpr ExecutorKind kThreadPool = ExecutorKind::kThreadPool;
constexpr ExecutorKind kProcessPool = ExecutorKind::kProcessPool;

JobType Command() {
  return {
      .name = "command",
      .meaning = "Runs a program and records what it prints and how it ends.",
      .workload = Workload::kUnknown,
      .executors = {kProcessPool},
      .runs_user_code = true,
      .killable = true,
      .parameters = {
          {.name = "argv",
           .kind = Kind::kList,
           .required = true,
           .meaning = "The program and its arguments; no shell reads them.",
           .of = Kind::kText,
           .not_empty = true},
          {.name = "env",
           .kind = Kind::kMap,
           .meaning = "Environment variables beside the few that are set.",
           .of = Kind::kText},
          {.name = "cwd",
           .kind = Kind::kText,
           .meaning = "The folder it starts in, relative to the spec; left "
                      "out, an empty one of its own.",
           .not_empty = true},
          {.name = "stdin",
           .kind = Kind::kText,
           .meaning = "What it reads on standard input; nothing if left out."},
      }};
}

// What both http types take.
ParameterFact Url() {
  return {.name = "url",
          .kind = Kind::kText,
          .required = true,
          .meaning = "The address, http:// or https://.",
          .not_empty = true};
}

ParameterFact BytesMax() {
  return {.name = "max_bytes",
          .kind = Kind::kInteger,
          .meaning =
              "The task fails if the answer is larger; 8 MiB if left "
              "out.",
          .at_least = 1};
}

JobType HttpCrawl() {
  return {.name = "http.crawl",
          .meaning = "Fetches a page and records its title and links.",
          .workload = Workload::kIo,
          .executors = {kAsync},
          .parameters = {
              Url(),
              BytesMax(),
              {.name = "links_max",
               .kind = Kind::kInteger,
               .meaning = "The most links that are recorded; 100 if left out.",
               .at_least = 0},
          }};
}

JobType HttpFetch() {
  return {.name = "http.fetch",
          .meaning = "Makes an HTTP request and records status and body.",
          .workload = Workload::kIo,
          .executors = {kAsync},
          .parameters = {
              Url(),
              {.name = "method",
               .kind = Kind::kText,
               .meaning = "GET, POST and so on; GET if left out.",
               .not_empty = true},
              {.name = "headers",
               .kind = Kind::kMap,
               .meaning = "Request headers by name.",
               .of = Kind::kText},
              {.name = "body",
               .kind = Kind::kText,
               .meaning = "The body of the request."},
              BytesMax(),
              {.name = "follow",
               .kind = Kind::kBool,
               .meaning = "Whether redirects are followed; true if left out."},
              {.name = "fail_on",
               .kind = Kind::kInteger,
               .meaning = "The lowest status that fails the task; 400 if left "
                          "out.",
               .at_least = 100},
          }};
}

JobType Noop() {
  return {.name = "noop",
          .meaning = "Does nothing; for trying Remuda out and measuring it.",
          .workload = Workload::kIo,
          .executors = {kAsync, kThreadPool, kProcessPool},
          .killable = true};
}

JobType Python() {
  return {.name = "python",
          .meaning = "Calls a Python function and records what it returns.",
          .workload = Workload::kUnknown,
          .executors = {kProcessPool},
          .runs_user_code = true,
          .killable = true,
          .parameters = {
              {.name = "function",
               .kind = Kind::kText,
               .required = true,
               .meaning = "Which one, as module:function.",
               .not_empty = true},
              {.name = "args",
               .kind = Kind::kList,
               .meaning = "Its arguments; without args and kwargs it gets the "
                          "item."},
              {.name = "kwargs",
               .kind = Kind::kMap,
               .meaning = "Its keyword arguments."},
              {.name = "path",
               .kind = Kind::kList,
               .meaning = "Folders to import from, relative to the spec; the "
                          "spec's own if left out.",
               .of = Kind::kText},
              {.name = "python",
               .kind = Kind::kText,
               .meaning = "The interpreter; python3 if left out.",
               .not_empty = true},
          }};
}

JobType Sleep() {
  return {.name = "sleep",
          .meaning = "Waits; for trying out time limits and concurrency.",
          .workload = Workload::kIo,
          .executors = {kAsync, kThreadPool, kProcessPool},
          .killable = true,
          .parameters = {{.name = "seconds",
                          .kind = Kind::kNumber,
                          .required = true,
                          .meaning = "How long, in seconds.",
                          .at_least = 0}}};
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

absl::Status CannotRunOn(const JobType& type, ExecutorKind kind) {
  return absl::InvalidArgumentError(
      "job type '" + type.name + "' cannot run on the executor " +
      Quoted(kind) + "; it can run on " + ExecutorNames(type));
}

ExecutorKind KindForWorkload(Workload workload) {
  switch (workload) {
    case Workload::kIo:
      return kAsync;
    case Workload::kBlocking:
    case Workload::kVectorized:
      return kThreadPool;
    case Workload::kCpu:
    case Workload::kUnknown:
      return kProcessPool;
  }
  CHECK(false);
  return kProcessPool;
}

std::string ReasonForWorkload(const JobType& type) {
  switch (type.workload) {
    case Workload::kIo:
      return "'" + type.name +
             "' waits more than it computes, and an event loop holds "
             "thousands of waiting tasks at once";
    case Workload::kBlocking:
      return "'" + type.name +
             "' makes calls that block, so it runs on "
             "threads that may be blocked";
    case Workload::kCpu:
      return "'" + type.name +
             "' computes, and processes use every core without one lock";
    case Workload::kVectorized:
      return "'" + type.name +
             "' computes in a library that brings threads "
             "of its own";
    case Workload::kUnknown:
      return "nothing is known of what '" + type.name +
             "' runs, and in a process of its own a crash or a hang costs "
             "one task";
  }
  CHECK(false);
  return {};
}

}  // namespace

std::string_view Name(Workload workload) {
  static constexpr std::array<std::string_view, 5> kNames = {
      "io", "blocking", "cpu", "vectorized", "unknown"};
  const size_t index = static_cast<size_t>(workload);
  CHECK(index < kNames.size());
  return kNames[index];
}

std::string_view Name(ParameterFact::Kind kind) {
  static constexpr std::array<std::string_view, 7> kNames = {
      "text",     "a number without a fraction",
      "a number", "true or false",
      "a list",   "a map",
      "a value"};
  const size_t index = static_cast<size_t>(kind);
  CHECK(index < kNames.size());
  return kNames[index];
}

const std::vector<JobType>& ShippedJobTypes() {
  // Never destroyed: other objects may ask until the process ends.
  static const auto& types = *new std::vector<JobType>{
      Command(), HttpCrawl(), HttpFetch(), Noop(), Python(), Sleep()};
  return types;
}

const JobType* FindJobType(std::string_view name) {
  for (const JobType& type : ShippedJobTypes()) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

absl::StatusOr<ExecutorChoice> ChooseExecutor(const Job& job,
                                              const JobType& type) {
  const std::optional<ExecutorKind> asked =
      job.executor.exactly ? job.executor.exactly : job.executor.require;
  if (asked && !CanRunOn(type, *asked)) return CannotRunOn(type, *asked);
  if (job.timeout_is_hard) {
    if (!type.killable || !CanRunOn(type, kProcessPool)) {
      return absl::InvalidArgumentError(
          "'enforce: hard' needs the executor 'process-pool', and job type '" +
          type.name + "' can run on " + ExecutorNames(type) +
          " only; leave 'enforce' out");
    }
    if (asked && *asked != kProcessPool) {
      return absl::InvalidArgumentError(
          "'enforce: hard' cannot be kept on the executor " + Quoted(*asked) +
          ": tasks share a process there; use 'process-pool'");
    }
  }
  if (asked) return ExecutorChoice{*asked, "the spec asks for it"};
  if (job.timeout_is_hard) {
    return ExecutorChoice{kProcessPool,
                          "'enforce: hard' needs a process that can be killed "
                          "without neighbours"};
  }
  std::string refused;
  if (job.executor.prefer) {
    if (CanRunOn(type, *job.executor.prefer)) {
      return ExecutorChoice{*job.executor.prefer, "the spec prefers it"};
    }
    refused = "the spec prefers " + Quoted(*job.executor.prefer) +
              ", which this type cannot run on; ";
  }
  const ExecutorKind kind = KindForWorkload(type.workload);
  if (CanRunOn(type, kind)) {
    return ExecutorChoice{kind, refused + ReasonForWorkload(type)};
  }
  return ExecutorChoice{type.executors.front(),
                        refused + "'" + type.name + "' can run on " +
                            ExecutorNames(type) + " only"};
}

}  // namespace remuda
