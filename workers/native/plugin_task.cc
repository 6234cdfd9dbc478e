#include "workers/native/plugin_task.h"

#include <utility>

#include "jobs/duration_text.h"
#include "jobs/json_text.h"

namespace {

// Of one task; the agent keeps less of an error.
constexpr size_t kResultBytesMax = size_t{8} << 20;
constexpr size_t kErrorBytesMax = size_t{64} << 10;

}  // namespace

void remuda_task::Succeed(std::string_view json) {
  has_ending_ = true;
  result_ = {};
  if (json.size() > kResultBytesMax) {
    result_ = remuda::Failed(
        "the plugin's result has " + std::to_string(json.size()) +
        " bytes; the limit is " + std::to_string(kResultBytesMax) +
        ": write large results to a file");
    return;
  }
  result_.output = json;
  if (!remuda::IsJson(result_.output)) {
    result_ = remuda::Failed("the plugin's result is no JSON");
  }
}

void remuda_task::Fail(std::string_view text) {
  has_ending_ = true;
  result_ = remuda::Failed(remuda::AsUtf8(text.substr(0, kErrorBytesMax)));
}

remuda_task_facts remuda_task::Facts() const {
  return {id_.job.value, id_.task, id_.fence.value};
}

remuda::HandlerResult remuda_task::TakeResult() {
  if (StopRequested()) return remuda::Stopped();
  if (has_ending_) return std::move(result_);
  return remuda::Failed(
      "the plugin ended the task and did not say how it ended");
}

namespace remuda {
namespace {

// No wait is longer than what the house knows.
Duration SpanOf(uint64_t nanoseconds) {
  const auto most = static_cast<uint64_t>((kDurationMax / 2).count());
  return Duration(static_cast<int64_t>(std::min(nanoseconds, most)));
}

void Succeed(remuda_task* task, const char* json, size_t length) {
  task->Succeed({json, length});
}

void Fail(remuda_task* task, const char* text, size_t length) {
  task->Fail({text, length});
}

int StopRequested(remuda_task* task) { return task->StopRequested() ? 1 : 0; }

void Facts(remuda_task* task, remuda_task_facts* facts) {
  *facts = task->Facts();
}

void Log(remuda_task* task, int level, const char* text, size_t length) {
  task->voice().Log(level, {text, length});
}

void Progress(remuda_task* task, double fraction, const char* text,
              size_t length) {
  task->voice().Progress(fraction, {text, length});
}

void OnStop(remuda_task* task, void (*stopped)(void*), void* data) {
  task->OnStop(stopped, data);
}

void* ThreadState(remuda_task* task) { return task->ThreadState(); }

int WaitForTime(remuda_task* task, uint64_t nanoseconds, remuda_wake wake,
                void* data) {
  return task->WaitForTime(SpanOf(nanoseconds), wake, data);
}

int WaitForFd(remuda_task* task, int fd, uint32_t events, uint64_t nanoseconds,
              remuda_wake wake, void* data) {
  std::optional<Duration> limit;
  if (nanoseconds > 0) limit = SpanOf(nanoseconds);
  return task->WaitForFd(fd, events, limit, wake, data);
}

int WaitForWork(remuda_task* task, void (*work)(void*), remuda_wake wake,
                void* data) {
  return task->WaitForWork(work, wake, data);
}

void End(remuda_task* task) { task->End(); }

}  // namespace

const remuda_host& PluginHost() {
  static constexpr remuda_host kHost = {sizeof(remuda_host),
                                        &Succeed,
                                        &Fail,
                                        &StopRequested,
                                        &Facts,
                                        &Log,
                                        &Progress,
                                        &OnStop,
                                        &ThreadState,
                                        &WaitForTime,
                                        &WaitForFd,
                                        &WaitForWork,
                                        &End};
  return kHost;
}

void BlockingPluginTask::OnStop(void (*stopped)(void*), void* data) {
  on_stop_.reset();
  if (stopped != nullptr) {
    on_stop_.emplace(stop_, [stopped, data] { stopped(data); });
  }
}

}  // namespace remuda
