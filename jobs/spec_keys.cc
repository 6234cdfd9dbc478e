#include "jobs/spec_keys.h"

#include "base/check.h"
#include "jobs/job_check.h"
#include "jobs/job_type.h"
#include "jobs/nearest_name.h"

namespace remuda {
namespace {

using Kind = SpecKey::Kind;

std::vector<std::string> TypeNames() {
  std::vector<std::string> names;
  for (const JobType& type : ShippedJobTypes()) names.push_back(type.name);
  return names;
}

std::vector<std::string> ExecutorNames() {
  return {"async", "thread-pool", "process-pool"};
}

void Append(std::vector<SpecKey>& keys, std::vector<SpecKey> more) {
  for (SpecKey& key : more) keys.push_back(std::move(key));
}

std::vector<SpecKey> HeadKeys() {
  return {
      {.path = "apiVersion",
       .kind = Kind::kWord,
       .meaning = "The version of this format.",
       .required = true,
       .example = "apiVersion: remuda/v1",
       .words = {"remuda/v1"}},
      {.path = "kind",
       .kind = Kind::kWord,
       .meaning = "What the document describes.",
       .required = true,
       .example = "kind: Job",
       .words = {"Job"}},
      {.path = "metadata",
       .kind = Kind::kMap,
       .meaning = "What the job is called.",
       .required = true,
       .example = "metadata: {name: my-job}"},
      {.path = "metadata.name",
       .kind = Kind::kName,
       .meaning = "The job's name; unique within the file.",
       .required = true,
       .example = "name: my-job"},
      {.path = "metadata.labels",
       .kind = Kind::kTextMap,
       .meaning = "Names and values of your own, to find jobs by."},
      {.path = "spec",
       .kind = Kind::kMap,
       .meaning = "What the job does.",
       .required = true,
       .example = "spec: {type: noop}"},
      {.path = "spec.type",
       .kind = Kind::kWord,
       .meaning = "The job type: what each task runs.",
       .required = true,
       .example = "type: command",
       .words = TypeNames()},
      {.path = "spec.executor",
       .kind = Kind::kWord,
       .meaning = "How tasks run on an agent; auto chooses by what is known "
                  "of the type.",
       .default_is = "auto",
       .words = {"auto", "async", "thread-pool", "process-pool"}},
      {.path = "spec.executor.auto",
       .kind = Kind::kTextList,
       .meaning = "Executors on which the code is safe: auto may move the job "
                  "there while it runs, if that pays.",
       .words = ExecutorNames()},
      {.path = "spec.executor.prefer",
       .kind = Kind::kWord,
       .meaning = "The executor to choose if the type can run on it.",
       .words = ExecutorNames()},
      {.path = "spec.executor.require",
       .kind = Kind::kWord,
       .meaning = "The executor to choose or to refuse the job.",
       .words = ExecutorNames()},
      {.path = "spec.queue",
       .kind = Kind::kName,
       .meaning = "The queue where the job waits; others than default are "
                  "not supported yet.",
       .default_is = "default"},
      {.path = "spec.priority",
       .kind = Kind::kInteger,
       .meaning = "Jobs with a higher one go first.",
       .default_is = "0",
       .at_least = INT32_MIN,
       .at_most = INT32_MAX},
  };
}

std::vector<SpecKey> TaskKeys() {
  return {
      {.path = "spec.tasks",
       .kind = Kind::kMap,
       .meaning = "The fan-out, from exactly one source; a task for each "
                  "item.",
       .default_is = "one task"},
      {.path = "spec.tasks.lines",
       .kind = Kind::kText,
       .meaning = "A file with an item on each line; blank lines are "
                  "skipped."},
      {.path = "spec.tasks.items",
       .kind = Kind::kList,
       .meaning = "The items themselves: texts, numbers, maps, lists."},
      {.path = "spec.tasks.range",
       .kind = Kind::kMap,
       .meaning = "Whole numbers, both ends included."},
      {.path = "spec.tasks.range.from",
       .kind = Kind::kInteger,
       .meaning = "The first number.",
       .default_is = "0"},
      {.path = "spec.tasks.range.to",
       .kind = Kind::kInteger,
       .meaning = "The last number, if a step leads to it.",
       .required = true,
       .example = "to: 100"},
      {.path = "spec.tasks.range.step",
       .kind = Kind::kInteger,
       .meaning = "The distance between two; may be negative.",
       .default_is = "1"},
      {.path = "spec.tasks.matrix",
       .kind = Kind::kAnyMap,
       .meaning = "Axes with their values: an item for every combination, "
                  "the last axis turning fastest."},
      {.path = "spec.tasks.glob",
       .kind = Kind::kText,
       .meaning = "A pattern of file names, as in images/*.png; an item is "
                  "a file's whole path."},
      {.path = "spec.tasks.csv",
       .kind = Kind::kText,
       .meaning = "A CSV file whose first row names the columns; an item "
                  "for each further row."},
      {.path = "spec.tasks.results_of",
       .kind = Kind::kText,
       .meaning = "The results of another job.",
       .supported = false},
      {.path = "spec.with",
       .kind = Kind::kAnyMap,
       .meaning = "The parameters of the job type; values may hold "
                  "templates."},
  };
}

std::vector<SpecKey> LimitKeys() {
  return {
      {.path = "spec.concurrency",
       .kind = Kind::kInteger,
       .meaning = "The most tasks of this job at once, over all agents.",
       .default_is = "no limit",
       .at_least = 1},
      {.path = "spec.limits",
       .kind = Kind::kTextList,
       .meaning = "Named limits that jobs share.",
       .supported = false},
      {.path = "spec.timeout",
       .kind = Kind::kDuration,
       .meaning = "The time that one attempt has.",
       .default_is = "no limit"},
      {.path = "spec.timeout.after",
       .kind = Kind::kDuration,
       .meaning = "The time that one attempt has.",
       .required = true,
       .example = "after: 30s"},
      {.path = "spec.timeout.enforce",
       .kind = Kind::kWord,
       .meaning = "hard demands that a task which does not stop is killed "
                  "without neighbours.",
       .default_is = "soft",
       .words = {"soft", "hard"}},
      {.path = "spec.deadline",
       .kind = Kind::kDuration,
       .meaning = "The time that the whole job has.",
       .supported = false},
  };
}

std::vector<SpecKey> RetryKeys() {
  return {
      {.path = "spec.retry",
       .kind = Kind::kMap,
       .meaning = "Which failures of the task's own code are tried again."},
      {.path = "spec.retry.attempts",
       .kind = Kind::kInteger,
       .meaning = "Tries in all; lost agents are not counted.",
       .default_is = "1",
       .at_least = 1,
       .at_most = kRetryAttemptsMax},
      {.path = "spec.retry.backoff",
       .kind = Kind::kMap,
       .meaning = "The wait before another try."},
      {.path = "spec.retry.backoff.initial",
       .kind = Kind::kDuration,
       .meaning = "The first wait.",
       .default_is = "1s, or max if that is shorter"},
      {.path = "spec.retry.backoff.factor",
       .kind = Kind::kNumber,
       .meaning = "By what each further wait is longer.",
       .default_is = "2",
       .at_least = 1,
       .at_most = 1000},
      {.path = "spec.retry.backoff.max",
       .kind = Kind::kDuration,
       .meaning = "The longest wait.",
       .default_is = "1m, or initial if that is longer"},
      {.path = "spec.retry.backoff.jitter",
       .kind = Kind::kNumber,
       .meaning = "The share by which waits differ at random.",
       .default_is = "0.2",
       .at_least = 0,
       .at_most = 1},
      {.path = "spec.retry.on",
       .kind = Kind::kTextList,
       .meaning = "Classes of failure: error, timeout, crash, oom, exit:3, "
                  "exit:64-78.",
       .default_is = "all of them"},
      {.path = "spec.success",
       .kind = Kind::kMap,
       .meaning = "When the job counts as succeeded."},
      {.path = "spec.success.max_failed",
       .kind = Kind::kCountOrPercent,
       .meaning = "The most tasks that may fail, as a number or as a "
                  "percentage such as 1%.",
       .default_is = "0"},
  };
}

std::vector<SpecKey> ResourceKeys() {
  return {
      {.path = "spec.resources",
       .kind = Kind::kMap,
       .meaning = "What one task may use."},
      {.path = "spec.resources.cpu",
       .kind = Kind::kInteger,
       .meaning = "CPUs: slots that a task takes on the process pool, and "
                  "everywhere the most threads of native libraries.",
       .default_is = "1",
       .at_least = 1,
       .at_most = kCpusMax},
      {.path = "spec.resources.memory",
       .kind = Kind::kBytes,
       .meaning = "Memory of a task with all that it starts; more ends it as "
                  "oom. Needs the process pool.",
       .default_is = "no limit"},
      {.path = "spec.outputs",
       .kind = Kind::kMap,
       .meaning = "Files of tasks that are results."},
      {.path = "spec.outputs.to",
       .kind = Kind::kText,
       .meaning = "The folder for them, seen by the agents; relative to the "
                  "spec.",
       .required = true,
       .example = "to: results"},
      {.path = "spec.outputs.files",
       .kind = Kind::kTextList,
       .meaning = "For commands: patterns of the files in a task's own folder, "
                  "as in '*.txt' and 'out/*'."},
  };
}

std::vector<SpecKey> LaterKeys() {
  const auto later = [](std::string_view path, std::string_view meaning) {
    return SpecKey{.path = path, .meaning = meaning, .supported = false};
  };
  return {
      later("spec.placement", "On which agents tasks may run."),
      later("spec.needs", "Jobs of the same file that have to end before."),
      later("spec.env", "Environment variables of every task."),
      later("spec.files", "Files that travel with the job."),
      later("spec.secrets", "Secrets that tasks may read."),
      later("spec.batch", "Several items in one task."),
      later("spec.schedule", "When the job is submitted again."),
      later("spec.delivery", "How often a task may run at most."),
      later("spec.speculative", "Second tries of tasks that lag behind."),
      later("spec.key", "A key under which a job is accepted once."),
  };
}

}  // namespace

const std::vector<SpecKey>& SpecKeys() {
  // Never destroyed: other objects may ask until the process ends.
  static const auto& keys = *[] {
    auto* all = new std::vector<SpecKey>(HeadKeys());
    Append(*all, TaskKeys());
    Append(*all, LimitKeys());
    Append(*all, RetryKeys());
    Append(*all, ResourceKeys());
    Append(*all, LaterKeys());
    return all;
  }();
  return keys;
}

const SpecKey* FindSpecKey(std::string_view path) {
  for (const SpecKey& key : SpecKeys()) {
    if (key.path == path) return &key;
  }
  return nullptr;
}

std::vector<const SpecKey*> SpecKeysUnder(std::string_view path) {
  std::vector<const SpecKey*> under;
  for (const SpecKey& key : SpecKeys()) {
    const size_t dot = key.path.rfind('.');
    const std::string_view parent =
        dot == std::string_view::npos ? "" : key.path.substr(0, dot);
    if (parent == path) under.push_back(&key);
  }
  return under;
}

std::string_view LastName(const SpecKey& key) {
  const size_t dot = key.path.rfind('.');
  return dot == std::string_view::npos ? key.path : key.path.substr(dot + 1);
}

std::string Expectation(const SpecKey& key) {
  switch (key.kind) {
    case Kind::kMap: {
      std::vector<std::string> names;
      for (const SpecKey* child : SpecKeysUnder(key.path)) {
        if (child->supported) names.emplace_back(LastName(*child));
      }
      return "a map with " + JoinNames(names);
    }
    case Kind::kAnyMap:
      return "a map";
    case Kind::kTextMap:
      return "a map of texts";
    case Kind::kList:
      return "a list";
    case Kind::kTextList:
      return "a list of texts";
    case Kind::kText:
      return "text";
    case Kind::kName:
      return "a name";
    case Kind::kWord:
      return "one of " + JoinNames(key.words);
    case Kind::kInteger:
      return "a number without a fraction";
    case Kind::kNumber:
      return "a number";
    case Kind::kDuration:
      return "a duration such as 30s or 1h30m";
    case Kind::kCountOrPercent:
      return "a number without a fraction, or a percentage such as 1%";
    case Kind::kBytes:
      return "a size such as 256Mi or 2Gi";
    case Kind::kAny:
      return "a value";
  }
  CHECK(false);
  return {};
}

}  // namespace remuda
