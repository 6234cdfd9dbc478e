#include "jobs/job_check.h"

#include <cmath>
#include <set>
#include <string>

#include "jobs/duration_text.h"
#include "jobs/output_rules.h"

namespace remuda {
namespace {

constexpr size_t kNameBytesMax = 63;

bool IsLowerOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool IsAlphanumeric(char c) {
  return IsLowerOrDigit(c) || (c >= 'A' && c <= 'Z');
}

absl::Status Bad(const std::string& what) {
  return absl::InvalidArgumentError(what);
}

absl::Status CheckRange(const TaskSource& source) {
  if (source.step == 0) return Bad("tasks.step is 0");
  return absl::OkStatus();
}

absl::Status CheckMatrix(const TaskSource& source) {
  if (source.axes.empty() || source.axes.size() > kAxesMax) {
    return Bad("tasks.axes has none or too many");
  }
  std::set<std::string_view> names;
  for (const auto& [name, values] : source.axes) {
    if (!IsAxisName(name)) return Bad(std::string(kAxisNameRule));
    if (!names.insert(name).second) return Bad("an axis is there twice");
  }
  return absl::OkStatus();
}

absl::Status CheckTasks(const TaskSource& source) {
  absl::Status status;
  if (source.kind == TaskSource::Kind::kRange) status = CheckRange(source);
  if (source.kind == TaskSource::Kind::kMatrix) status = CheckMatrix(source);
  if (!status.ok()) return status;
  const uint64_t count = TaskCount(source);
  if (count == 0) return Bad("the job has no tasks");
  if (count > kTasksMax) {
    return Bad("the job has more than " + std::to_string(kTasksMax) + " tasks");
  }
  return absl::OkStatus();
}

bool IsSpan(Duration duration) {
  return duration >= Duration::zero() && duration <= kDurationMax;
}

absl::Status CheckRetry(const RetryPolicy& retry) {
  if (retry.attempts_max < 1 || retry.attempts_max > kRetryAttemptsMax) {
    return Bad("retry.attempts_max is not from 1 to " +
               std::to_string(kRetryAttemptsMax));
  }
  if (!IsSpan(retry.initial) || !IsSpan(retry.max) ||
      retry.initial > retry.max) {
    return Bad("retry.initial and retry.max do not fit");
  }
  // Written so that not-a-number fails too.
  if (!(retry.factor >= 1 && retry.factor <= 1000)) {
    return Bad("retry.factor is not from 1 to 1000");
  }
  if (!(retry.jitter >= 0 && retry.jitter <= 1)) {
    return Bad("retry.jitter is not from 0 to 1");
  }
  if (retry.on_exit.size() > 255) return Bad("retry.on_exit is too long");
  for (const ExitCodes& codes : retry.on_exit) {
    if (codes.first < 1 || codes.last > 255 || codes.first > codes.last) {
      return Bad("retry.on_exit is not within 1 to 255");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckResources(const Resources& resources) {
  if (resources.cpu < 1 || resources.cpu > kCpusMax) {
    return Bad("resources.cpu is not from 1 to " + std::to_string(kCpusMax));
  }
  const uint64_t memory = resources.memory_bytes;
  if (memory != 0 && (memory < kMemoryBytesMin || memory > kMemoryBytesMax)) {
    return Bad("resources.memory_bytes is out of range");
  }
  return absl::OkStatus();
}

absl::Status CheckLabels(const Job& job) {
  if (job.labels.size() > kLabelsMax) return Bad("too many labels");
  for (const auto& [name, value] : job.labels) {
    if (name.empty() || name.size() > kLabelBytesMax ||
        value.size() > kLabelBytesMax) {
      return Bad("a label is empty or too long");
    }
  }
  return absl::OkStatus();
}

}  // namespace

bool IsName(std::string_view text) {
  if (text.empty() || text.size() > kNameBytesMax) return false;
  if (!IsLowerOrDigit(text.front()) || !IsLowerOrDigit(text.back())) {
    return false;
  }
  for (const char c : text) {
    if (!IsLowerOrDigit(c) && c != '.' && c != '_' && c != '-') return false;
  }
  return true;
}

bool IsAxisName(std::string_view text) {
  if (text.empty() || text.size() > kNameBytesMax) return false;
  if (text == "item" || text == "index" || text.front() == '-') return false;
  for (const char c : text) {
    if (!IsAlphanumeric(c) && c != '_' && c != '-') return false;
  }
  return true;
}

absl::Status CheckJob(const Job& job) {
  if (!IsName(job.name)) return Bad("name: " + std::string(kNameRule));
  if (!IsName(job.queue)) return Bad("queue: " + std::string(kNameRule));
  if (job.type.empty()) return Bad("type is empty");
  if (!IsSpan(job.timeout)) return Bad("timeout is out of range");
  if (job.timeout_is_hard && job.timeout == Duration::zero()) {
    return Bad("a hard timeout needs a time");
  }
  const auto& percent = job.success.failed_max_percent;
  if (percent && !(*percent >= 0 && *percent <= 100)) {
    return Bad("success.failed_max_percent is not from 0 to 100");
  }
  if (absl::Status status = CheckLabels(job); !status.ok()) return status;
  if (absl::Status status = CheckResources(job.resources); !status.ok()) {
    return status;
  }
  if (absl::Status status = CheckOutputRules(job); !status.ok()) {
    return status;
  }
  if (absl::Status status = CheckTasks(job.tasks); !status.ok()) {
    return status;
  }
  return CheckRetry(job.retry);
}

}  // namespace remuda
