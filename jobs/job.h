#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "jobs/ids.h"
#include "jobs/states.h"

namespace remuda {

// What the spec asks of `executor:`.
struct ExecutorRequest {
  std::optional<ExecutorKind> exactly = std::nullopt;  // none means auto
  std::optional<ExecutorKind> prefer = std::nullopt;
  std::optional<ExecutorKind> require = std::nullopt;
  // With auto: where the code is declared to be safe, so that a job may be
  // moved there while it runs. Each at most once.
  std::vector<ExecutorKind> safe_on = {};
  // No key of the spec: what remuda.lock.yaml says for auto, and why.
  std::optional<ExecutorKind> pinned = std::nullopt;
  std::string pinned_reason = {};

  bool is_auto() const { return !exactly && !prefer && !require; }

  friend bool operator==(const ExecutorRequest&,
                         const ExecutorRequest&) = default;
};

// Where the fan-out comes from. The client turns lines, items, glob and csv
// into kList before it submits, so the other processes know four kinds only.
struct TaskSource {
  enum class Kind : uint8_t { kOne, kRange, kMatrix, kList };
  // What the author wrote, kept for messages and for `remuda plan`.
  enum class Written : uint8_t {
    kNothing,
    kRange,
    kMatrix,
    kItems,
    kLines,
    kGlob,
    kCsv,
  };

  Kind kind = Kind::kOne;
  Written written = Written::kNothing;

  // kRange: from, from + step, ... up to and including `to`.
  int64_t from = 0;
  int64_t to = 0;
  int64_t step = 1;

  // kMatrix: the last axis turns fastest. Values are JSON texts.
  std::vector<std::pair<std::string, std::vector<std::string>>> axes;

  // kList: the number of items; their text travels beside the job
  // (jobs/items.h), a JSON value a line.
  uint64_t list_count = 0;

  // Before the client has resolved it (jobs/item_files.h): the file or pattern
  // as written, or the inline items as JSON texts. Neither is sent or stored.
  std::string path;
  std::vector<std::string> inline_items;

  friend bool operator==(const TaskSource&, const TaskSource&) = default;
};

// An inclusive range of exit codes, as in `exit:64-78`.
struct ExitCodes {
  int first = 0;
  int last = 0;

  friend bool operator==(const ExitCodes&, const ExitCodes&) = default;
};

struct RetryPolicy {
  uint32_t attempts_max = 1;  // tries in all for the user's own failures
  Duration initial = std::chrono::seconds(1);
  double factor = 2.0;
  Duration max = std::chrono::minutes(1);
  double jitter = 0.2;  // the delay varies by this share either way

  // Which failures are tried again; by default all of them.
  bool on_error = true;
  bool on_timeout = true;
  bool on_crash = true;
  bool on_oom = true;
  std::vector<ExitCodes> on_exit;

  friend bool operator==(const RetryPolicy&, const RetryPolicy&) = default;
};

// The job succeeds with at most this many failed, timed out and lost tasks.
struct SuccessPolicy {
  uint64_t failed_max = 0;
  std::optional<double> failed_max_percent;  // overrides failed_max

  friend bool operator==(const SuccessPolicy&, const SuccessPolicy&) = default;
};

// What one task may use on its agent. On the process pool `cpu` is counted in
// slots; everywhere the thread pools of native libraries are capped to it.
struct Resources {
  uint32_t cpu = 1;
  // Of the task with all that it starts; more ends it as oom. 0: no limit.
  uint64_t memory_bytes = 0;

  friend bool operator==(const Resources&, const Resources&) = default;
};

// Files of a task that are results: moved to `to` before its end is reported.
struct OutputRules {
  std::string to;                  // an absolute folder; empty: none are kept
  std::vector<std::string> files;  // patterns in the task's working folder

  friend bool operator==(const OutputRules&, const OutputRules&) = default;
};

// How the function that a job calls is written, where its source was found.
enum class CodeForm : uint8_t {
  kUnknown,
  kPlain,  // a plain def
  kAsync,  // an async def
};

std::string_view Name(CodeForm form);
std::optional<CodeForm> CodeFormFromName(std::string_view name);

// One checked YAML document (DESIGN 3), free of anything not supported yet.
// A plain value: what it means is said in docs/JOB_STATES.md and docs/SPEC.md.
struct Job {
  std::string name;
  std::map<std::string, std::string> labels;
  std::string type;
  ExecutorRequest executor;
  std::string queue = "default";
  int32_t priority = 0;  // higher first
  TaskSource tasks;
  std::string with = "{}";   // JSON object whose strings may hold templates
  uint64_t concurrency = 0;  // tasks at once over all agents; 0: no cap
  Duration timeout = Duration::zero();  // of one attempt; 0: none
  bool timeout_is_hard = false;         // `enforce: hard`
  RetryPolicy retry;
  SuccessPolicy success;
  Resources resources;
  OutputRules outputs;

  // No key of the spec: whoever submits looks at the source of user code, so
  // that client and coordinator choose the same executor.
  CodeForm form = CodeForm::kUnknown;

  friend bool operator==(const Job&, const Job&) = default;
};

// The most tasks one job may have; more are refused before it is accepted.
inline constexpr uint64_t kTasksMax = 1'000'000'000;

// The number of tasks of the fan-out; kList counts what list_count says. Stops
// at UINT64_MAX rather than overflow. CHECKs that a range has a step.
uint64_t TaskCount(const TaskSource& source);

// The most failed tasks with which the job still succeeds.
uint64_t FailedMax(const SuccessPolicy& policy, uint64_t tasks);

}  // namespace remuda
