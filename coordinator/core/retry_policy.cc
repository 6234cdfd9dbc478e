#include "coordinator/core/retry_policy.h"

#include <algorithm>
#include <cmath>

namespace remuda {
namespace {

bool IsRetried(const RetryPolicy& policy, const EndingRun& ended) {
  switch (ended.ending) {
    case Ending::kError:
      if (policy.on_error) return true;
      return std::any_of(policy.on_exit.begin(), policy.on_exit.end(),
                         [&ended](const ExitCodes& codes) {
                           return ended.exit_code != 0 &&
                                  codes.first <= ended.exit_code &&
                                  ended.exit_code <= codes.last;
                         });
    case Ending::kTimeout:
      return policy.on_timeout;
    case Ending::kCrash:
      return policy.on_crash;
    case Ending::kOom:
      return policy.on_oom;
    case Ending::kSucceeded:
    case Ending::kCancelled:
    case Ending::kEvicted:
      return false;
  }
  return false;
}

// Spreads the bits of a number over all 64 (splitmix64).
uint64_t Mix(uint64_t value) {
  value += 0x9e3779b97f4a7c15u;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

}  // namespace

NextState AfterTry(const RetryRules& rules, const TaskTries& before,
                   const EndingRun& ended) {
  if (!ended.started) {
    return {.state = AfterReturn(rules, before, /*charged=*/false),
            .failures = 0};
  }
  switch (ended.ending) {
    case Ending::kSucceeded:
      return {.state = TaskState::kSucceeded, .failures = 0};
    case Ending::kCancelled:
    case Ending::kEvicted:
      return {.state = AfterReturn(rules, before, /*charged=*/true),
              .failures = 0};
    case Ending::kError:
    case Ending::kTimeout:
    case Ending::kCrash:
    case Ending::kOom:
      break;
  }
  const uint32_t failures = before.attempts - before.losses + 1;
  if (IsRetried(rules.policy, ended) && failures < rules.policy.attempts_max) {
    if (rules.cancelling) {
      return {.state = TaskState::kCancelled, .failures = 0};
    }
    return {.state = TaskState::kPending, .failures = failures};
  }
  return {.state = ended.ending == Ending::kTimeout ? TaskState::kTimedOut
                                                    : TaskState::kFailed,
          .failures = 0};
}

TaskState AfterReturn(const RetryRules& rules, const TaskTries& before,
                      bool charged) {
  if (rules.cancelling) return TaskState::kCancelled;
  if (charged && before.losses + 1 >= rules.losses_max) {
    return TaskState::kLost;
  }
  return TaskState::kPending;
}

Duration BackOff(const RetryPolicy& policy, uint32_t failures, uint64_t seed) {
  const auto initial = static_cast<double>(policy.initial.count());
  const auto max = static_cast<double>(policy.max.count());
  double delay = initial * std::pow(policy.factor, failures - 1.0);
  // Written so that a delay that is not a number becomes the longest one.
  if (!(delay < max)) delay = max;
  const double unit = static_cast<double>(seed >> 11) * 0x1p-53;
  delay *= 1.0 + policy.jitter * (2.0 * unit - 1.0);
  return Duration(static_cast<Duration::rep>(std::max(delay, 0.0)));
}

uint64_t JitterSeed(JobId job, TaskIndex task, Fence fence) {
  return Mix(Mix(Mix(job.value) ^ task) ^ fence.value);
}

}  // namespace remuda
