#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <exception>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/environment.h"
#include "base/mutex.h"
#include "executors/handlers/run_blocking.h"
#include "workers/native/coroutine_runner.h"
#include "workers/native/modes.h"
#include "workers/native/printed_output.h"
#include "workers/native/result_batch.h"
#include "workers/native/run_queue.h"
#include "workers/native/thread_cpu_time.h"

namespace remuda {
namespace {

// Tasks that it is willing to hold.
constexpr int kCredits = 4096;

// Results are sent together, but none is kept back longer than this.
constexpr Duration kResultsKeptMax = std::chrono::milliseconds(1);

// What one task may use.
uint32_t GrantedCpus() {
  const std::string text = EnvironmentVariable("REMUDA_CPUS").value_or("1");
  uint32_t cpus = 1;
  std::from_chars(text.data(), text.data() + text.size(), cpus);
  return cpus;
}

// What the thread that runs tasks keeps for handlers; freed on that thread.
struct HandlerStates {
  ThreadStates shipped;
  PluginThreadStates plugins;
  std::unique_ptr<CoroutineRunner> coroutines;  // made for the first of them
  RunQueue run_queue;
};

// One thread reads messages, another runs tasks.
class ProcessMode {
 public:
  explicit ProcessMode(ModeSetting setting)
      : pipe_(setting.pipe),
        voices_{.log_folder = setting.welcome.log_folder, .is_alone = true},
        cell_(std::move(setting.cell)),
        handlers_(std::move(setting.handlers)),
        printed_(setting.welcome.log_folder) {}

  [[noreturn]] void Run();

 private:
  void Handle(PoolMessage message);
  void RunTasks();
  bool WaitForBatch(TaskBatch* batch);
  void RunBatch(const TaskBatch& batch, HandlerStates& states);
  void RunTask(const TaskBatch& batch, const TaskBatch::Task& task,
               HandlerStates& states);
  HandlerResult Call(const TaskBatch& batch, const TaskBatch::Task& task,
                     HandlerStates& states);
  HandlerResult CallPlugin(PluginType& type, const TaskBatch::Task& task,
                           const std::string& parameters, HandlerStates& states,
                           const std::stop_token& stop);
  void SendResults();

  WorkerPipe& pipe_;
  const VoiceOptions voices_;
  const SystemClock clock_;
  const uint32_t cpus_ = GrantedCpus();

  // Of the thread that runs tasks.
  WorkerCell cell_;
  NativeHandlers handlers_;
  PrintedOutput printed_;
  ResultBatch results_;
  MonotonicTime oldest_result_;
  Duration cpu_sent_ = Duration::zero();

  Mutex mutex_;
  CondVar changed_;
  std::deque<TaskBatch> batches_ GUARDED_BY(mutex_);  // bounded by credits
  bool draining_ GUARDED_BY(mutex_) = false;
  uint64_t running_ GUARDED_BY(mutex_) = 0;
  std::stop_source stop_ GUARDED_BY(mutex_);
};

void ProcessMode::Run() {
  pipe_.Send("{\"type\":\"ready\",\"credits\":" + std::to_string(kCredits) +
             "}");
  std::thread runner([this] { RunTasks(); });
  runner.detach();  // it may be in a handler that never returns
  for (;;) {
    pipe_.Read([this](PoolMessage message) { Handle(std::move(message)); });
  }
}

void ProcessMode::Handle(PoolMessage message) {
  if (const auto* ping = std::get_if<PingWorker>(&message)) {
    pipe_.Send("{\"type\":\"pong\",\"number\":" + std::to_string(ping->number) +
               "}");
    return;
  }
  MutexLock lock(mutex_);
  if (auto* batch = std::get_if<TaskBatch>(&message)) {
    if (cpus_ > 1) {
      auto work = std::make_shared<JobWork>(*batch->work);
      work->job.resources.cpu = cpus_;
      batch->work = std::move(work);
    }
    batches_.push_back(std::move(*batch));
    changed_.NotifyOne();
  } else if (const auto* cancel = std::get_if<CancelTask>(&message)) {
    if (cancel->number == running_) stop_.request_stop();
  } else if (std::holds_alternative<DrainWorker>(message)) {
    draining_ = true;
    changed_.NotifyOne();
  }
}

void ProcessMode::RunTasks() {
  {
    HandlerStates states;
    TaskBatch batch;
    while (WaitForBatch(&batch)) {
      states.run_queue.SinceLast();  // what came before is nobody's
      RunBatch(batch, states);
    }
  }
  handlers_.plugins.clear();
  _exit(0);
}

// Returns false when all is done and no more will come.
bool ProcessMode::WaitForBatch(TaskBatch* batch) {
  {
    MutexLock lock(mutex_);
    if (!batches_.empty()) {
      *batch = std::move(batches_.front());
      batches_.pop_front();
      return true;
    }
  }
  SendResults();
  cell_.Rest();
  MutexLock lock(mutex_);
  while (batches_.empty()) {
    if (draining_) return false;
    changed_.Wait(mutex_);
  }
  *batch = std::move(batches_.front());
  batches_.pop_front();
  return true;
}

void ProcessMode::RunBatch(const TaskBatch& batch, HandlerStates& states) {
  // Any other may take long, and would keep results of others back.
  const bool is_quick = batch.work->job.type == "noop";
  for (const TaskBatch::Task& task : batch.tasks) {
    if (!results_.empty() &&
        (!is_quick || clock_.Now() - oldest_result_ > kResultsKeptMax)) {
      SendResults();
    }
    RunTask(batch, task, states);
  }
}

void ProcessMode::RunTask(const TaskBatch& batch, const TaskBatch::Task& task,
                          HandlerStates& states) {
  if (!cell_.Begin(task.number)) {
    if (results_.empty()) oldest_result_ = clock_.Now();
    results_.AddReturned(task.number);
    return;
  }
  const MonotonicTime start = clock_.Now();
  HandlerResult result = Call(batch, task, states);
  const MonotonicTime end = clock_.Now();
  if (results_.empty()) oldest_result_ = end;
  ResultBatch::Times times = {.wall = end - start};
  if (times.wall >= RunQueue::kTaskMin) {
    times.run_queue = states.run_queue.SinceLast();
  }
  results_.Add(task.number, std::move(result), times);
}

HandlerResult ProcessMode::Call(const TaskBatch& batch,
                                const TaskBatch::Task& task,
                                HandlerStates& states) {
  std::stop_token stop;
  {
    MutexLock lock(mutex_);
    if (stop_.stop_requested()) stop_ = std::stop_source();
    running_ = task.number;
    stop = stop_.get_token();
  }
  const std::string& type = batch.work->job.type;
  const std::string& parameters =
      task.parameters.empty() ? batch.parameters : task.parameters;
  const auto plugin = handlers_.plugins.find(type);
  if (plugin != handlers_.plugins.end()) {
    return CallPlugin(*plugin->second, task, parameters, states, stop);
  }
  const auto handler = handlers_.shipped.find(type);
  if (handler == handlers_.shipped.end()) {
    return Failed("this worker cannot run jobs of type '" + type + "'");
  }
  const Attempt attempt{.id = task.id, .work = batch.work, .item = "null"};
  try {
    return handler->second->Run(attempt, parameters,
                                states.shipped.Of(*handler->second), stop);
  } catch (const std::exception& thrown) {
    return Failed(std::string("the handler threw: ") + thrown.what());
  }
}

HandlerResult ProcessMode::CallPlugin(PluginType& type,
                                      const TaskBatch::Task& task,
                                      const std::string& parameters,
                                      HandlerStates& states,
                                      const std::stop_token& stop) {
  TaskVoice voice(task.number, voices_, pipe_);
  HandlerResult result;
  if (type.job_type().is_coroutine()) {
    if (states.coroutines == nullptr) {
      states.coroutines = std::make_unique<CoroutineRunner>();
    }
    result = states.coroutines->Run(type, task.id, parameters, voice, stop);
  } else {
    result = RunBlockingPlugin(type, states.plugins, task.id, parameters, voice,
                               stop);
  }
  printed_.Take(task.number,
                [this](const std::string& message) { pipe_.Send(message); });
  return result;
}

void ProcessMode::SendResults() {
  if (results_.empty()) return;
  // One look at the clock for all of them, shared out by their number.
  const Duration cpu = ThreadCpuTime();
  pipe_.SendFrames(results_.Take(cpu - std::exchange(cpu_sent_, cpu)));
}

}  // namespace

void RunProcessMode(ModeSetting setting) {
  ProcessMode(std::move(setting)).Run();
}

}  // namespace remuda
