#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/mutex.h"
#include "executors/handlers/run_blocking.h"
#include "workers/native/modes.h"
#include "workers/native/result_batch.h"
#include "workers/native/run_queue.h"
#include "workers/native/thread_cpu_time.h"

namespace remuda {
namespace {

constexpr uint64_t kCreditsBeyondSlots = 1024;

// The calling thread reads messages, others run tasks, each of them one at a
// time. The last of them ends the process when all is done.
class ThreadMode {
 public:
  explicit ThreadMode(ModeSetting setting)
      : pipe_(setting.pipe),
        slots_(setting.welcome.slots),
        voices_{.log_folder = setting.welcome.log_folder},
        handlers_(std::move(setting.handlers)) {}

  [[noreturn]] void Run();

 private:
  // What the tasks of a message share, and one of them.
  struct Given {
    std::shared_ptr<const TaskBatch> batch;
    size_t index = 0;

    const TaskBatch::Task& task() const { return batch->tasks[index]; }
  };
  struct States {
    ThreadStates shipped;
    PluginThreadStates plugins;
    RunQueue run_queue;
    bool measures = true;  // since tasks are long enough, as far as is known
  };

  void Handle(PoolMessage message);
  void Add(TaskBatch batch) EXCLUDES(mutex_);
  void Cancel(uint64_t number) EXCLUDES(mutex_);
  void Drain() EXCLUDES(mutex_);
  void RunTasks() EXCLUDES(mutex_);
  bool TakeTask(Given* given, States& states) EXCLUDES(mutex_);
  void RunTask(const Given& given, States& states) EXCLUDES(mutex_);
  HandlerResult Call(const Given& given, States& states, TaskVoice& voice,
                     const std::stop_token& stop);
  void Tell(uint64_t number, HandlerResult result,
            const ResultBatch::Times& times, std::string log)
      EXCLUDES(tell_mutex_);
  [[noreturn]] void EndProcess();

  WorkerPipe& pipe_;
  const uint64_t slots_;
  const VoiceOptions voices_;
  const SystemClock clock_;
  NativeHandlers handlers_;

  Mutex mutex_;
  CondVar changed_;
  std::deque<Given> pending_ GUARDED_BY(mutex_);  // bounded by credits
  // Of those that are pending or run.
  std::map<uint64_t, std::stop_source> stops_ GUARDED_BY(mutex_);
  uint64_t threads_ GUARDED_BY(mutex_) = 0;
  uint64_t idle_ GUARDED_BY(mutex_) = 0;
  bool draining_ GUARDED_BY(mutex_) = false;

  Mutex tell_mutex_;
  ResultBatch results_ GUARDED_BY(tell_mutex_);
  std::string logs_ GUARDED_BY(tell_mutex_);
  bool is_telling_ GUARDED_BY(tell_mutex_) = false;
};

void ThreadMode::Run() {
  pipe_.Send("{\"type\":\"ready\",\"credits\":" +
             std::to_string(slots_ + kCreditsBeyondSlots) + "}");
  for (;;) {
    pipe_.Read([this](PoolMessage message) { Handle(std::move(message)); });
  }
}

void ThreadMode::Handle(PoolMessage message) {
  if (const auto* ping = std::get_if<PingWorker>(&message)) {
    pipe_.Send("{\"type\":\"pong\",\"number\":" + std::to_string(ping->number) +
               "}");
  } else if (auto* batch = std::get_if<TaskBatch>(&message)) {
    Add(std::move(*batch));
  } else if (const auto* cancel = std::get_if<CancelTask>(&message)) {
    Cancel(cancel->number);
  } else if (std::holds_alternative<DrainWorker>(message)) {
    Drain();
  }
}

void ThreadMode::Add(TaskBatch batch) {
  const auto shared = std::make_shared<const TaskBatch>(std::move(batch));
  MutexLock lock(mutex_);
  for (size_t i = 0; i < shared->tasks.size(); ++i) {
    stops_.try_emplace(shared->tasks[i].number);
    pending_.push_back({.batch = shared, .index = i});
    if (pending_.size() <= idle_) {
      changed_.NotifyOne();
    } else if (threads_ < slots_) {
      ++threads_;
      std::thread([this] { RunTasks(); }).detach();  // may never return
    }
  }
}

void ThreadMode::Cancel(uint64_t number) {
  std::stop_source stop(std::nostopstate);
  bool has_begun = true;
  {
    MutexLock lock(mutex_);
    const auto found = stops_.find(number);
    if (found == stops_.end()) return;
    const auto pending = std::find_if(
        pending_.begin(), pending_.end(),
        [&](const Given& given) { return given.task().number == number; });
    has_begun = pending == pending_.end();
    stop = found->second;
    if (!has_begun) {
      pending_.erase(pending);
      stops_.erase(found);
    }
  }
  if (has_begun) {
    stop.request_stop();  // may call what a plugin has asked for
  } else {
    Tell(number, Stopped(), {}, "");
  }
}

void ThreadMode::Drain() {
  bool is_last = false;
  {
    MutexLock lock(mutex_);
    draining_ = true;
    is_last = threads_ == 0;
  }
  changed_.NotifyAll();
  if (is_last) EndProcess();
}

void ThreadMode::RunTasks() {
  {
    States states;
    Given given;
    while (TakeTask(&given, states)) RunTask(given, states);
  }
  {
    MutexLock lock(mutex_);
    if (--threads_ > 0) return;
  }
  EndProcess();
}

// Only when there is nobody who runs tasks, and none to run.
void ThreadMode::EndProcess() {
  handlers_.plugins.clear();
  _exit(0);
}

// Returns false when all is done and no more will come.
bool ThreadMode::TakeTask(Given* given, States& states) {
  MutexLock lock(mutex_);
  ++idle_;
  while (pending_.empty() && !draining_) {
    states.measures = true;
    changed_.Wait(mutex_);
  }
  --idle_;
  if (pending_.empty()) return false;
  *given = std::move(pending_.front());
  pending_.pop_front();
  return true;
}

void ThreadMode::RunTask(const Given& given, States& states) {
  const uint64_t number = given.task().number;
  std::stop_token stop;
  {
    MutexLock lock(mutex_);
    stop = stops_.at(number).get_token();
  }
  TaskVoice voice(number, voices_, pipe_);
  if (states.measures) states.run_queue.SinceLast();  // which is nobody's
  const MonotonicTime began = clock_.Now();
  const Duration cpu = ThreadCpuTime();
  HandlerResult result =
      stop.stop_requested() ? Stopped() : Call(given, states, voice, stop);
  ResultBatch::Times times = {.wall = clock_.Now() - began,
                              .cpu = ThreadCpuTime() - cpu};
  states.measures = times.wall >= RunQueue::kTaskMin;
  if (states.measures) {
    times.run_queue = states.run_queue.SinceLast();
    if (times.run_queue) {  // the kernel's clock is another
      const Duration idle = std::max(times.wall - times.cpu, Duration::zero());
      times.run_queue = std::min(*times.run_queue, idle);
    }
  }
  {
    MutexLock lock(mutex_);
    stops_.erase(number);
  }
  Tell(number, std::move(result), times, voice.TakeLog());
}

HandlerResult ThreadMode::Call(const Given& given, States& states,
                               TaskVoice& voice, const std::stop_token& stop) {
  const TaskBatch::Task& task = given.task();
  const std::string& type = given.batch->work->job.type;
  const std::string& parameters =
      task.parameters.empty() ? given.batch->parameters : task.parameters;
  const auto plugin = handlers_.plugins.find(type);
  if (plugin != handlers_.plugins.end()) {
    return RunBlockingPlugin(*plugin->second, states.plugins, task.id,
                             parameters, voice, stop);
  }
  const auto handler = handlers_.shipped.find(type);
  if (handler == handlers_.shipped.end()) {
    return Failed("this worker cannot run jobs of type '" + type +
                  "' on threads");
  }
  const Attempt attempt{
      .id = task.id, .work = given.batch->work, .item = "null"};
  try {
    return handler->second->Run(attempt, parameters,
                                states.shipped.Of(*handler->second), stop);
  } catch (const std::exception& thrown) {
    return Failed(std::string("the handler threw: ") + thrown.what());
  }
}

// Whoever finds nobody sending sends, with what comes up meanwhile. So none is
// kept back, and many ends at once are one message.
void ThreadMode::Tell(uint64_t number, HandlerResult result,
                      const ResultBatch::Times& times, std::string log) {
  {
    MutexLock lock(tell_mutex_);
    results_.Add(number, std::move(result), times);
    if (!log.empty()) logs_ += WorkerFrame(log);
    if (std::exchange(is_telling_, true)) return;
  }
  for (;;) {
    std::string frames;
    {
      MutexLock lock(tell_mutex_);
      if (results_.empty()) {
        is_telling_ = false;
        return;
      }
      frames = std::exchange(logs_, {});
      frames += results_.Take();
    }
    pipe_.SendFrames(frames);
  }
}

}  // namespace

void RunThreadMode(ModeSetting setting) {
  ThreadMode(std::move(setting)).Run();
}

}  // namespace remuda
