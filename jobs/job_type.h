#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "jobs/job.h"
#include "jobs/states.h"

namespace remuda {

enum class Workload : uint8_t { kIo, kBlocking, kCpu, kVectorized, kUnknown };

std::string_view Name(Workload workload);
std::optional<Workload> WorkloadFromName(std::string_view name);

// What a spec may say of its own code: all but unknown.
std::span<const std::string_view> DeclaredWorkloads();

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
  std::vector<std::string> one_of = {};           // of text; empty: any
  bool of_the_job = false;  // the same for all tasks, so without templates
};

// "text", "a number", "a list": as errors name it.
std::string_view Name(ParameterFact::Kind kind);

// What is known of a job type without running it. The handler itself lives
// with the executors; agents announce which types they can run.
struct JobType {
  std::string name = {};
  std::string meaning = {};
  Workload workload = Workload::kUnknown;
  CodeForm form = CodeForm::kUnknown;        // of its handler on `async`
  std::vector<ExecutorKind> executors = {};  // the legal ones, best first
  bool runs_user_code = false;               // then never inside the agent
  bool killable = false;                     // `enforce: hard` can be kept
  bool declares_workload = false;            // by its parameter `workload`
  std::vector<ParameterFact> parameters = {};
  bool takes_any_parameters = false;  // beside those: they are not known
};

// The types that ship, in the order of their names.
const std::vector<JobType>& ShippedJobTypes();

// Null if there is none of that name.
const JobType* FindJobType(std::string_view name);

}  // namespace remuda
