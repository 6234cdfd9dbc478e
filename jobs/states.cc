#include "jobs/states.h"

#include <array>
#include <cstddef>

#include "base/check.h"

namespace remuda {
namespace {

// Indexed by the number of the state, so the order is that of the enum.
constexpr std::array<std::string_view, kTaskStates> kTaskStateNames = {
    "pending",   "running",   "succeeded", "failed",
    "timed_out", "cancelled", "lost",      "skipped"};
constexpr std::array<std::string_view, 7> kJobStateNames = {
    "queued",    "running", "paused",   "cancelling",
    "succeeded", "failed",  "cancelled"};
constexpr std::array<std::string_view, 4> kAgentStateNames = {
    "online", "suspect", "draining", "lost"};
constexpr std::array<std::string_view, kExecutorKinds> kExecutorKindNames = {
    "async", "thread-pool", "process-pool"};

template <typename Names, typename Value>
std::string_view NameIn(const Names& names, Value value) {
  const size_t index = static_cast<size_t>(value);
  CHECK(index < names.size());
  return names[index];
}

template <typename Value, typename Names>
std::optional<Value> ValueIn(const Names& names, std::string_view name) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return static_cast<Value>(i);
  }
  return std::nullopt;
}

}  // namespace

bool IsTerminal(TaskState state) { return state >= TaskState::kSucceeded; }
bool IsTerminal(JobState state) { return state >= JobState::kSucceeded; }

std::string_view Name(TaskState state) {
  return NameIn(kTaskStateNames, state);
}

std::string_view Name(JobState state) { return NameIn(kJobStateNames, state); }

std::string_view Name(AgentState state) {
  return NameIn(kAgentStateNames, state);
}

std::string_view Name(ExecutorKind kind) {
  return NameIn(kExecutorKindNames, kind);
}

std::optional<TaskState> TaskStateFromName(std::string_view name) {
  return ValueIn<TaskState>(kTaskStateNames, name);
}

std::optional<JobState> JobStateFromName(std::string_view name) {
  return ValueIn<JobState>(kJobStateNames, name);
}

std::optional<ExecutorKind> ExecutorKindFromName(std::string_view name) {
  return ValueIn<ExecutorKind>(kExecutorKindNames, name);
}

}  // namespace remuda
