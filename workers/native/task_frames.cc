#include "workers/native/task_frames.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/status.h"

namespace remuda {
namespace {

using nlohmann::json;

// What one message may hold; the pool sends far less.
constexpr uint64_t kTasksMax = uint64_t{1} << 20;

uint64_t Number(const json& message, const char* name) {
  const auto found = message.find(name);
  uint64_t number = 0;
  if (found == message.end()) return number;
  if (found->is_number_unsigned()) return found->get<uint64_t>();
  if (!found->is_string()) return number;
  const auto& text = found->get_ref<const std::string&>();
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

TaskBatch::Task ParseTask(const json& entry, JobId job) {
  TaskBatch::Task task;
  task.number = Number(entry, "id");
  task.id = {.job = job,
             .task = Number(entry, "index"),
             .fence = Fence{static_cast<uint32_t>(Number(entry, "attempt"))}};
  const auto parameters = entry.find("parameters");
  if (parameters != entry.end()) task.parameters = parameters->dump();
  return task;
}

absl::StatusOr<PoolMessage> ParseWelcome(const json& message) {
  WelcomeWorker welcome;
  const std::string mode = message.value("mode", "process");
  if (mode == "threads") {
    welcome.use = WorkerUse::kThreads;
  } else if (mode == "loop") {
    welcome.use = WorkerUse::kLoop;
  } else if (mode != "process") {
    return absl::InvalidArgumentError("welcome to the unknown mode '" + mode +
                                      "'");
  }
  welcome.slots = std::max<uint64_t>(1, Number(message, "slots"));
  welcome.log_folder = message.value("log_folder", "");
  return welcome;
}

absl::StatusOr<PoolMessage> ParseTasks(const json& message) {
  TaskBatch batch;
  auto work = std::make_shared<JobWork>();
  work->id = JobId{Number(message, "job")};
  work->job.type = message.value("job_type", "");
  const auto parameters = message.find("parameters");
  batch.parameters = parameters == message.end() ? "{}" : parameters->dump();
  if (const auto range = message.find("range"); range != message.end()) {
    TaskBatch::Task task = ParseTask(*range, work->id);
    const uint64_t count = Number(*range, "count");
    if (count > kTasksMax) {
      return absl::InvalidArgumentError("a range of too many tasks");
    }
    batch.tasks.reserve(count);
    for (uint64_t i = 0; i < count; ++i) {
      batch.tasks.push_back(task);
      ++task.number;
      ++task.id.task;
    }
  } else {
    const json& list = message.at("tasks");
    if (!list.is_array()) {
      return absl::InvalidArgumentError("'tasks' is not a list");
    }
    for (const json& entry : list) {
      batch.tasks.push_back(ParseTask(entry, work->id));
    }
  }
  batch.work = std::move(work);
  return batch;
}

}  // namespace

absl::StatusOr<PoolMessage> ParsePoolMessage(std::string_view body) {
  // The library throws where a member has another type than it should.
  try {
    const json message = json::parse(body);
    const std::string type = message.value("type", "");
    if (type == "tasks") return ParseTasks(message);
    if (type == "welcome") return ParseWelcome(message);
    if (type == "cancel") return CancelTask{Number(message, "id")};
    if (type == "drain") return DrainWorker{};
    if (type == "ping") return PingWorker{Number(message, "number")};
    return OtherMessage{};
  } catch (const json::exception& thrown) {
    return absl::InvalidArgumentError(thrown.what());
  }
}

}  // namespace remuda
