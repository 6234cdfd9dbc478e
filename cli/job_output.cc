#include "cli/job_output.h"

#include <algorithm>
#include <utility>

#include "cli/progress.h"
#include "cli/words.h"
#include "wire/reply_json.h"

namespace remuda {
namespace {

using Row = std::vector<std::string>;

std::string Table(const std::vector<Row>& rows) {
  std::vector<size_t> widths(rows[0].size(), 0);
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string text;
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      text += row[i];
      if (i + 1 < row.size()) text.append(widths[i] - row[i].size() + 2, ' ');
    }
    text += '\n';
  }
  return text;
}

std::string FirstLine(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

bool HasRun(const TaskRow& task) {
  return task.state != TaskState::kPending &&
         task.state != TaskState::kRunning && task.attempts > 0;
}

}  // namespace

std::string JobsTable(const std::vector<JobSummary>& jobs, WallTime now) {
  std::vector<Row> rows = {
      {"ID", "STATE", "DONE", "TOTAL", "FAILED", "TIME", "TYPE", "NAME"}};
  for (const JobSummary& job : jobs) {
    rows.push_back({std::to_string(job.id.value), std::string(Name(job.state)),
                    CountText(DoneTasks(job)), CountText(job.total),
                    CountText(BadTasks(job)),
                    ElapsedText(RunningTime(job, now)), SafeText(job.type, 24),
                    SafeText(job.name, 63)});
  }
  return Table(rows);
}

std::string AgentsTable(const std::vector<AgentSummary>& agents) {
  std::vector<Row> rows = {
      {"ID", "STATE", "RUNNING", "NAME", "EXECUTORS", "LABELS"}};
  for (const AgentSummary& agent : agents) {
    std::string executors;
    for (const auto& [name, slots] : agent.executors) {
      executors +=
          (executors.empty() ? "" : ",") + name + "=" + std::to_string(slots);
    }
    std::string labels;
    for (const auto& [key, value] : agent.labels) {
      labels += (labels.empty() ? "" : ",") + key + "=" + value;
    }
    rows.push_back({std::to_string(agent.id.value),
                    std::string(Name(agent.state)), CountText(agent.running),
                    SafeText(agent.name, 40), executors, SafeText(labels, 60)});
  }
  return Table(rows);
}

std::string ProgressLines(const JobSummary& job) {
  std::string text;
  for (const TaskProgress& progress : job.progress) {
    text += "  task " + std::to_string(progress.task) + " is at " +
            std::to_string(static_cast<int>(progress.fraction * 100)) + " %";
    if (!progress.text.empty()) text += ": " + SafeText(progress.text, 120);
    text += "\n";
  }
  return text;
}

std::string JobPage(const JobSummary& job, WallTime now) {
  std::string text = JobVerdict(job, now) + "\n";
  text += "  type      " + SafeText(job.type, 64) + "\n";
  text += "  executor  " + std::string(Name(job.executor)) + ": " +
          SafeText(job.executor_reason, 300) + "\n";
  for (int state = 0; state < kTaskStates; ++state) {
    const uint64_t count = job.tasks[static_cast<size_t>(state)];
    if (count == 0) continue;
    std::string name(Name(static_cast<TaskState>(state)));
    name.resize(10, ' ');
    text += "  " + name + CountText(count) + "\n";
  }
  text += "  attempts  " + CountText(job.attempts);
  if (job.infrastructure_losses > 0) {
    text += ", of which " + CountText(job.infrastructure_losses) +
            " lost with an agent and not charged";
  }
  return text + "\n" + ProgressLines(job) + FindingNotes(job);
}

std::string ExecutorLine(const JobSummary& job) {
  return "job " + std::to_string(job.id.value) + ": " + SafeText(job.name, 63) +
         " (" + SafeText(job.type, 64) + ") on " +
         std::string(Name(job.executor)) + ": " +
         SafeText(job.executor_reason, 300);
}

std::string FindingNotes(const JobSummary& job) {
  std::string text;
  for (const JobFinding& finding : job.findings) {
    text += "  note: " + SafeText(ToText(finding), 900) + "\n";
  }
  return text;
}

std::string TaskLine(const TaskRow& task) {
  std::string text =
      std::to_string(task.index) + "  " + std::string(Name(task.state));
  if (task.attempts > 1) text += "  " + CountText(task.attempts) + " tries";
  if (HasRun(task)) text += "  " + ElapsedText(task.wall);
  if (task.item != "null" && !task.item.empty()) {
    text += "  " + SafeText(task.item, 100);
  }
  if (!task.error.empty()) {
    text += "  " + SafeText(FirstLine(task.error), 200);
  } else if (!task.output.empty()) {
    text += "  " + SafeText(task.output, 200);
  }
  return text;
}

std::string JobVerdict(const JobSummary& job, WallTime now) {
  const uint64_t succeeded =
      job.tasks[static_cast<size_t>(TaskState::kSucceeded)];
  std::string text =
      SafeText(job.name, 63) + " (job " + std::to_string(job.id.value) + ") " +
      std::string(Name(job.state)) + ": " + CountText(succeeded) + " of " +
      CountText(job.total) + " tasks succeeded in " +
      ElapsedText(RunningTime(job, now));
  if (!job.reason.empty()) text += " (" + SafeText(job.reason, 300) + ")";
  return text;
}

void FailureDigest::Add(const TaskRow& task) {
  if (task.state != TaskState::kFailed && task.state != TaskState::kTimedOut &&
      task.state != TaskState::kLost) {
    return;
  }
  const std::string error = task.error.empty() ? std::string(Name(task.state))
                                               : FirstLine(task.error);
  if (groups_.size() == kGroupsMax && !groups_.contains(error)) {
    ++others_;
    return;
  }
  Group& group = groups_[error];
  if (group.count++ == 0) group.first = task;
}

std::string FailureDigest::Text(size_t groups_max) const {
  std::vector<std::pair<const std::string*, const Group*>> sorted;
  uint64_t others = others_;
  for (const auto& [error, group] : groups_) sorted.push_back({&error, &group});
  std::stable_sort(sorted.begin(), sorted.end(), [](auto& a, auto& b) {
    return a.second->count > b.second->count;
  });
  std::string text;
  for (size_t i = 0; i < sorted.size(); ++i) {
    const Group& group = *sorted[i].second;
    if (i >= groups_max) {
      others += group.count;
      continue;
    }
    text += "  " + CountText(group.count) + " x " +
            SafeText(*sorted[i].first, 160) + "\n      first: task " +
            std::to_string(group.first.index);
    if (!group.first.item.empty() && group.first.item != "null") {
      text += " " + SafeText(group.first.item, 100);
    }
    text += "\n";
  }
  if (others > 0) {
    text += "  " + CountText(others) + " more with other errors\n";
  }
  return text;
}

}  // namespace remuda
