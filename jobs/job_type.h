#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "jobs/job.h"

namespace remuda {

enum class Workload : uint8_t { kIo, kBlocking, kCpu, kVectorized, kUnknown };

std::string_view Name(Workload workload);

// One parameter of a job type, under `with:`.
struct ParameterFact {
  enum class Kind : uint8_t {
    kText,
    kInteger,
    kNumber,
    kBool,
    kList,
    kMap,
    kAny
  };
  std::string name;
  Kind kind = Kind::kText;
  bool required = false;
  std::string meaning;  // one sentence, for the schema and for errors
  // What the elements of a list and the values of a map have to be.
  Kind of = Kind::kAny;
  bool not_empty = false;                         // of text and lists
  std::optional<double> at_least = std::nullopt;  // of numbers
};

// "text", "a number", "a list": as errors name it.
std::string_view Name(ParameterFact::Kind kind);

// What is known of a job type without running it. The handler itself lives
// with the executors; agents announce which types they can run.
struct JobType {
  std::string name = {};
  std::string meaning = {};
  Workload workload = Workload::kUnknown;
  std::vector<ExecutorKind> executors = {};  // the legal ones, best first
  bool runs_user_code = false;               // then never inside the agent
  bool killable = false;                     // `enforce: hard` can be kept
  std::vector<ParameterFact> parameters = {};
};

// The types that ship, in the order of their names.
const std::vector<JobType>& ShippedJobTypes();

// Null if there is none of that name.
const JobType* FindJobType(std::string_view name);

// The executor that the job will run on, and the reason in one sentence.
struct ExecutorChoice {
  ExecutorKind kind = ExecutorKind::kProcessPool;
  std::string reason;
};

// The decision tree of docs/ARCHITECTURE.md over the facts of the type. A
// preference that cannot be kept is no error; the reason tells of it.
// Errors: InvalidArgument if the spec asks for an executor that the type
// cannot run on; the message lists those it can. The same if `enforce: hard`
// is asked of a type or an executor that cannot keep it.
absl::StatusOr<ExecutorChoice> ChooseExecutor(const Job& job,
                                              const JobType& type);

}  // namespace remuda
