#include "workers/native/worker_main.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/environment.h"
#include "base/file_descriptor.h"
#include "base/mutex.h"
#include "executors/handlers/blocking_handlers.h"
#include "executors/handlers/run_blocking.h"
#include "jobs/json_text.h"
#include "workers/conformance/check_handlers.h"
#include "workers/native/plugin.h"
#include "workers/native/task_frames.h"
#include "workers/protocol/worker_cell.h"
#include "workers/protocol/worker_channel.h"

namespace remuda {
namespace {

// Tasks that it is willing to hold.
constexpr int kCredits = 4096;

// Results are sent together, but none is kept back longer than this.
constexpr Duration kResultsKeptMax = std::chrono::milliseconds(1);

// Results of tasks in a row that ended alike.
struct ResultRange {
  uint64_t first = 0;
  uint64_t count = 0;
  HandlerResult result;
  bool returned = false;  // they were taken back before they began
  Duration wall = Duration::zero();
};

bool Continues(const ResultRange& range, uint64_t number,
               const HandlerResult& result, bool returned) {
  return range.first + range.count == number && range.returned == returned &&
         range.result.ending == result.ending &&
         range.result.output == result.output &&
         range.result.error == result.error;
}

Duration ThreadCpuTime() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) +
         std::chrono::nanoseconds(time.tv_nsec);
}

const char* EndingName(const ResultRange& range) {
  if (range.returned) return "returned";
  switch (range.result.ending) {
    case Ending::kSucceeded:
      return "succeeded";
    case Ending::kCancelled:
      return "cancelled";
    default:
      return "error";
  }
}

// What jobs ask for, and what `remuda worker-check` does.
BlockingHandlers HandlersToHost() {
  BlockingHandlers handlers = ShippedBlockingHandlers();
  handlers.merge(CheckHandlers());
  return handlers;
}

// What one task may use.
uint32_t GrantedCpus() {
  const std::string text = EnvironmentVariable("REMUDA_CPUS").value_or("1");
  uint32_t cpus = 1;
  std::from_chars(text.data(), text.data() + text.size(), cpus);
  return cpus;
}

// The worker's state. The main thread reads messages, another runs tasks, so
// that a task can be told to stop.
class NativeWorker {
 public:
  NativeWorker(int fd, WorkerCell cell, BlockingHandlers handlers)
      : fd_(fd), handlers_(std::move(handlers)), cell_(std::move(cell)) {}

  int Run();

 private:
  void Read();
  void Handle(PoolMessage message);
  void RunTasks();
  bool WaitForBatch(TaskBatch* batch);
  void RunBatch(const TaskBatch& batch);
  void RunTask(BlockingHandler* handler, const TaskBatch& batch,
               const TaskBatch::Task& task);
  HandlerResult Call(BlockingHandler* handler, const TaskBatch& batch,
                     const TaskBatch::Task& task);
  void AddResult(uint64_t number, HandlerResult result, bool returned,
                 Duration wall);
  void SendResults();
  void Send(const std::string& message);

  const int fd_;
  const SystemClock clock_;
  BlockingHandlers handlers_;
  const uint32_t cpus_ = GrantedCpus();
  bool greeted_ = false;  // of the thread that reads

  // Of the thread that runs tasks.
  WorkerCell cell_;
  ThreadStates states_;
  std::deque<ResultRange> results_;
  MonotonicTime oldest_result_;
  Duration cpu_sent_ = Duration::zero();

  Mutex send_mutex_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<TaskBatch> batches_ GUARDED_BY(mutex_);  // bounded by credits
  bool draining_ GUARDED_BY(mutex_) = false;
  uint64_t running_ GUARDED_BY(mutex_) = 0;
  std::stop_source stop_ GUARDED_BY(mutex_);
};

int NativeWorker::Run() {
  Send("{\"type\":\"hello\",\"protocol\":2,\"language\":\"native\",\"pid\":" +
       std::to_string(getpid()) + "}");
  std::thread runner([this] { RunTasks(); });
  runner.detach();  // it may be in a handler that never returns
  Read();
  // Nobody wants the results any more, and nothing must hold up the end.
  _exit(0);
}

void NativeWorker::Read() {
  WorkerFrameCutter frames;
  std::array<char, size_t{64} << 10> bytes;
  for (;;) {
    const ssize_t count = read(fd_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    frames.Add({bytes.data(), static_cast<size_t>(count)});
    while (const auto body = frames.Next()) {
      absl::StatusOr<PoolMessage> message = ParsePoolMessage(*body);
      if (!message.ok()) {
        std::fprintf(stderr, "remuda worker: bad message: %s\n",
                     std::string(message.status().message()).c_str());
        _exit(1);
      }
      Handle(*std::move(message));
    }
    if (frames.broken()) return;
  }
}

void NativeWorker::Handle(PoolMessage message) {
  if (const auto* ping = std::get_if<PingWorker>(&message)) {
    Send("{\"type\":\"pong\",\"number\":" + std::to_string(ping->number) + "}");
    return;
  }
  if (!greeted_) {  // this was the welcome
    greeted_ = true;
    Send("{\"type\":\"ready\",\"credits\":" + std::to_string(kCredits) + "}");
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

void NativeWorker::RunTasks() {
  TaskBatch batch;
  while (WaitForBatch(&batch)) RunBatch(batch);
  _exit(0);
}

// Returns false when all is done and no more will come.
bool NativeWorker::WaitForBatch(TaskBatch* batch) {
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

void NativeWorker::RunBatch(const TaskBatch& batch) {
  const auto found = handlers_.find(batch.work->job.type);
  BlockingHandler* handler =
      found == handlers_.end() ? nullptr : found->second.get();
  // Any other may take long, and would keep results of others back.
  const bool is_quick = batch.work->job.type == "noop";
  for (const TaskBatch::Task& task : batch.tasks) {
    if (!results_.empty() &&
        (!is_quick || clock_.Now() - oldest_result_ > kResultsKeptMax)) {
      SendResults();
    }
    RunTask(handler, batch, task);
  }
}

void NativeWorker::RunTask(BlockingHandler* handler, const TaskBatch& batch,
                           const TaskBatch::Task& task) {
  if (!cell_.Begin(task.number)) {
    AddResult(task.number, {}, true, Duration::zero());
    return;
  }
  const MonotonicTime start = clock_.Now();
  HandlerResult result = Call(handler, batch, task);
  AddResult(task.number, std::move(result), false, clock_.Now() - start);
}

HandlerResult NativeWorker::Call(BlockingHandler* handler,
                                 const TaskBatch& batch,
                                 const TaskBatch::Task& task) {
  if (handler == nullptr) {
    return Failed("this worker cannot run jobs of type '" +
                  batch.work->job.type + "'");
  }
  std::stop_token stop;
  {
    MutexLock lock(mutex_);
    if (stop_.stop_requested()) stop_ = std::stop_source();
    running_ = task.number;
    stop = stop_.get_token();
  }
  const Attempt attempt{.id = task.id, .work = batch.work, .item = "null"};
  try {
    return handler->Run(
        attempt, task.parameters.empty() ? batch.parameters : task.parameters,
        states_.Of(*handler), stop);
  } catch (const std::exception& thrown) {
    return Failed(std::string("the handler threw: ") + thrown.what());
  }
}

void NativeWorker::AddResult(uint64_t number, HandlerResult result,
                             bool returned, Duration wall) {
  if (results_.empty()) oldest_result_ = clock_.Now();
  if (results_.empty() ||
      !Continues(results_.back(), number, result, returned)) {
    results_.push_back({.first = number,
                        .count = 0,
                        .result = std::move(result),
                        .returned = returned,
                        .wall = Duration::zero()});
  }
  ++results_.back().count;
  results_.back().wall += wall;
}

void NativeWorker::SendResults() {
  if (results_.empty()) return;
  // One look at the clock for all of them, shared out by their number.
  const Duration cpu = ThreadCpuTime();
  uint64_t tasks = 0;
  for (const ResultRange& range : results_) tasks += range.count;
  const Duration each =
      (cpu - std::exchange(cpu_sent_, cpu)) / static_cast<int64_t>(tasks);
  std::string message = "{\"type\":\"results\",\"results\":[";
  bool first = true;
  for (const ResultRange& range : results_) {
    if (!first) message += ',';
    first = false;
    const auto count = static_cast<int64_t>(range.count);
    message += "{\"id\":\"" + std::to_string(range.first) +
               "\",\"count\":" + std::to_string(range.count) +
               ",\"ending\":\"" + EndingName(range) +
               "\",\"wall_ns\":" + std::to_string(range.wall.count()) +
               ",\"cpu_ns\":" + std::to_string(each.count() * count);
    if (!range.result.output.empty()) {
      message += ",\"output\":" + JsonString(range.result.output);
    }
    if (!range.result.error.empty()) {
      message += ",\"error\":" + JsonString(range.result.error);
    }
    message += '}';
  }
  results_.clear();
  Send(message + "]}");
}

void NativeWorker::Send(const std::string& message) {
  const std::string frame = WorkerFrame(message);
  MutexLock lock(send_mutex_);
  std::string_view rest = frame;
  while (!rest.empty()) {
    const ssize_t count = send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) _exit(0);  // the pool is gone
    rest.remove_prefix(static_cast<size_t>(count));
  }
}

}  // namespace

int WorkerMain(int fd, const std::vector<std::string>& plugins) {
  // The pool's nudge, which here the reading thread makes unnecessary.
  std::signal(SIGTERM, SIG_IGN);
  const std::optional<std::string> cell_fd =
      EnvironmentVariable(kWorkerCellVariable);
  if (!cell_fd.has_value()) {
    std::fprintf(stderr,
                 "remuda worker: the agent starts this, not a person\n");
    return 2;
  }
  absl::StatusOr<WorkerCell> cell =
      WorkerCell::Open(std::atoi(cell_fd->c_str()));
  if (!cell.ok()) {
    std::fprintf(stderr, "remuda worker: %s\n",
                 cell.status().ToString().c_str());
    return 1;
  }
  // Programs that handlers start get neither.
  for (const int own : {fd, std::atoi(cell_fd->c_str())}) {
    if (!SetCloseOnExec(own, true).ok()) return 1;
  }
  BlockingHandlers handlers = HandlersToHost();
  for (const std::string& path : plugins) {
    const absl::StatusOr<const remuda_manifest*> plugin = LoadPlugin(path);
    if (!plugin.ok()) {
      std::fprintf(stderr, "remuda worker: %s\n",
                   std::string(plugin.status().message()).c_str());
      return 1;
    }
    handlers.merge(HandlersOf(**plugin));
  }
  NativeWorker worker(fd, *std::move(cell), std::move(handlers));
  return worker.Run();
}

}  // namespace remuda
