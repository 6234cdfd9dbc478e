#include "jobs/job_type.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "base/check.h"
#include "jobs/added_job_types.h"

namespace remuda {
namespace {

using Kind = ParameterFact::Kind;

// By Workload; the last one is not for specs.
constexpr std::array<std::string_view, 5> kWorkloadNames = {
    "io", "blocking", "cpu", "vectorized", "unknown"};

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
          .form = CodeForm::kAsync,
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
          .form = CodeForm::kAsync,
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
          .form = CodeForm::kAsync,
          .executors = {kAsync, kThreadPool, kProcessPool},
          .killable = true};
}

JobType Python() {
  return {
      .name = "python",
      .meaning = "Calls a Python function and records what it returns.",
      .workload = Workload::kUnknown,
      .executors = {kProcessPool, kAsync, kThreadPool},
      .runs_user_code = true,
      .killable = true,
      .declares_workload = true,
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
          {.name = "workload",
           .kind = Kind::kText,
           .meaning = "What the function does most, for the choice of "
                      "the executor.",
           .one_of = {DeclaredWorkloads().begin(), DeclaredWorkloads().end()},
           .of_the_job = true},
          {.name = "setup",
           .kind = Kind::kMap,
           .meaning = "Arguments that are made once for each thread, loop "
                      "or process, by module:function.",
           .of = Kind::kText,
           .of_the_job = true},
          {.name = "process_setup",
           .kind = Kind::kText,
           .meaning = "What to call once in each worker before its first "
                      "task, as module:function.",
           .not_empty = true,
           .of_the_job = true},
      }};
}

JobType Sleep() {
  return {.name = "sleep",
          .meaning = "Waits; for trying out time limits and concurrency.",
          .workload = Workload::kIo,
          .form = CodeForm::kAsync,
          .executors = {kAsync, kThreadPool, kProcessPool},
          .killable = true,
          .parameters = {{.name = "seconds",
                          .kind = Kind::kNumber,
                          .required = true,
                          .meaning = "How long, in seconds.",
                          .at_least = 0}}};
}

JobType VectorAxpb() {
  const auto file = [](const char* name, const char* meaning) {
    return ParameterFact{.name = name,
                         .kind = ParameterFact::Kind::kText,
                         .meaning = meaning,
                         .not_empty = true};
  };
  return {
      .name = "vector.axpb",
      .meaning = "Computes x * a + y over two arrays of doubles.",
      .workload = Workload::kVectorized,
      .form = CodeForm::kPlain,
      .executors = {kThreadPool, kProcessPool},
      .killable = true,
      .parameters = {
          {.name = "n",
           .kind = Kind::kInteger,
           .meaning = "How many numbers to make up and compute; else files.",
           .at_least = 1},
          file("x", "A file of doubles, little-endian; its whole path."),
          file("y", "Another one, with as many numbers."),
          file("to", "The file to write; it appears whole."),
          {.name = "a",
           .kind = Kind::kNumber,
           .meaning = "The factor; 2 if left out."},
      }};
}

// Never destroyed: other objects may ask until the process ends.
std::vector<JobType>& KnownJobTypes() {
  static auto& types =
      *new std::vector<JobType>{Command(), HttpCrawl(), HttpFetch(), Noop(),
                                Python(),  Sleep(),     VectorAxpb()};
  return types;
}

}  // namespace

std::string_view Name(Workload workload) {
  const size_t index = static_cast<size_t>(workload);
  CHECK(index < kWorkloadNames.size());
  return kWorkloadNames[index];
}

std::optional<Workload> WorkloadFromName(std::string_view name) {
  for (size_t i = 0; i < kWorkloadNames.size(); ++i) {
    if (kWorkloadNames[i] == name) return static_cast<Workload>(i);
  }
  return std::nullopt;
}

std::span<const std::string_view> DeclaredWorkloads() {
  return std::span(kWorkloadNames).first(kWorkloadNames.size() - 1);
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

const std::vector<JobType>& ShippedJobTypes() { return KnownJobTypes(); }

absl::Status AddJobType(JobType type) {
  if (FindJobType(type.name) != nullptr) {
    return absl::AlreadyExistsError("there is a job type '" + type.name +
                                    "' already");
  }
  std::vector<JobType>& types = KnownJobTypes();
  const auto place =
      std::upper_bound(types.begin(), types.end(), type.name,
                       [](const std::string& name, const JobType& other) {
                         return name < other.name;
                       });
  types.insert(place, std::move(type));
  return absl::OkStatus();
}

const JobType* FindJobType(std::string_view name) {
  for (const JobType& type : ShippedJobTypes()) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

}  // namespace remuda
