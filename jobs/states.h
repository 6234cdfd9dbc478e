#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace remuda {

// docs/JOB_STATES.md is the specification; the numbers are stored and sent,
// so they never change their meaning.
enum class TaskState : uint8_t {
  kPending = 0,
  kRunning = 1,
  kSucceeded = 2,
  kFailed = 3,
  kTimedOut = 4,
  kCancelled = 5,
  kLost = 6,
  kSkipped = 7,
};
inline constexpr int kTaskStates = 8;

enum class JobState : uint8_t {
  kQueued = 0,
  kRunning = 1,
  kPaused = 2,
  kCancelling = 3,
  kSucceeded = 4,
  kFailed = 5,
  kCancelled = 6,
};

enum class AgentState : uint8_t {
  kOnline = 0,
  kSuspect = 1,  // silent for a while: gets no new work
  kDraining = 2,
  kLost = 3,
};

enum class ExecutorKind : uint8_t {
  kAsync = 0,
  kThreadPool = 1,
  kProcessPool = 2,
};
inline constexpr int kExecutorKinds = 3;

bool IsTerminal(TaskState state);
bool IsTerminal(JobState state);

// The names used in specs, JSON and metrics ("timed_out", "process-pool").
std::string_view Name(TaskState state);
std::string_view Name(JobState state);
std::string_view Name(AgentState state);
std::string_view Name(ExecutorKind kind);
std::optional<TaskState> TaskStateFromName(std::string_view name);
std::optional<JobState> JobStateFromName(std::string_view name);
std::optional<ExecutorKind> ExecutorKindFromName(std::string_view name);

}  // namespace remuda
