#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/event_loop.h"
#include "executors/async/stall_watch.h"
#include "jobs/json_text.h"
#include "workers/native/crash_mark.h"
#include "workers/native/modes.h"
#include "workers/native/plugin_loop.h"
#include "workers/native/result_batch.h"
#include "workers/native/run_queue.h"
#include "workers/native/thread_cpu_time.h"

namespace remuda {
namespace {

constexpr uint64_t kCreditsBeyondSlots = 1024;

// Tasks that begin in one turn of the loop, so that ends are not kept back.
constexpr int kBegunPerTurn = 256;

// In a turn that takes long, results are sent before its end.
constexpr Duration kResultsKeptMax = std::chrono::milliseconds(1);

// Steps that together are shorter say nothing about their share of the
// processor.
constexpr Duration kMeasuredMin = std::chrono::milliseconds(1);

// Between two turns; more has been slept.
constexpr Duration kSleptMin = std::chrono::microseconds(50);

// A task from its receipt to its end.
class HeldTask : public LoopTask {
 public:
  HeldTask(PluginType& type, const AttemptId& id,
           std::shared_ptr<const std::string> parameters, uint64_t of_task,
           const VoiceOptions& voices, WorkerPipe& pipe)
      : LoopTask(type, id, std::move(parameters), own_voice_),
        number(of_task),
        own_voice_(of_task, voices, pipe) {}

  const uint64_t number;
  StepOwner* owner = nullptr;  // once it has begun
  MonotonicTime began;
  Duration in_steps = Duration::zero();
  Duration waited = Duration::zero();  // ready, before its turn

 private:
  TaskVoice own_voice_;
};

// Everything is done on the calling thread but what coroutines offload, and
// the watch that says which of them holds the loop.
class LoopMode : private PluginLoop::Owner {
 public:
  explicit LoopMode(ModeSetting setting);

  [[noreturn]] void Run();

 private:
  void OnStepBegin(LoopTask& task) override;
  void OnStepEnd(LoopTask& task) override;
  void OnWorkBegin(LoopTask& task) override;
  void OnWorkEnd(LoopTask& task) override;
  void OnTaskEnded(LoopTask& task) override;

  void Handle(PoolMessage message);
  void Add(const TaskBatch& batch);
  void Cancel(uint64_t number);
  void BeginWaiting();
  void Begin(HeldTask& task);
  void OnTurnEnd();
  void SendResults();
  void MeasureShare();
  Duration WaitedForTurn(const HeldTask& task) const;
  StepOwner* TakeOwner(const HeldTask& task);
  void TellStall(const StallWatch::Stall& stall);

  const SystemClock clock_;
  WorkerPipe& pipe_;
  const uint64_t slots_;
  const VoiceOptions voices_;
  WorkerCell cell_;
  NativeHandlers handlers_;
  EventLoop loop_;
  OffloadPool pool_;  // its threads post to the loop
  PluginLoop plugins_;

  std::unordered_map<uint64_t, std::unique_ptr<HeldTask>> held_;
  std::deque<uint64_t> waiting_;  // may name some that were cancelled
  uint64_t running_ = 0;
  bool draining_ = false;
  ResultBatch results_;
  MonotonicTime oldest_result_;
  std::string logs_;  // frames, sent before the results

  // Of the step that runs, and of all since the processor was asked.
  MonotonicTime step_began_;
  Duration in_steps_ = Duration::zero();
  Duration cpu_ = ThreadCpuTime();
  double cpu_share_ = 1.0;
  RunQueue run_queue_;
  std::optional<double> queue_share_;  // without a processor; of the same steps

  // Of the turn before this one.
  MonotonicTime turn_ended_;
  Duration turn_took_ = Duration::zero();

  // The owners' `task` is the number that the pool has given it. They and the
  // names of types live as long as the watch.
  std::deque<StepOwner> owners_;
  std::vector<StepOwner*> owners_free_;
  std::unordered_map<const PluginType*, std::string> names_;
  std::atomic<uint64_t> step_index_ = 0;  // of the task, in its job
  LoopStep step_;
  StallWatch watch_;
};

LoopMode::LoopMode(ModeSetting setting)
    : pipe_(setting.pipe),
      slots_(setting.welcome.slots),
      voices_{.log_folder = setting.welcome.log_folder},
      cell_(std::move(setting.cell)),
      handlers_(std::move(setting.handlers)),
      loop_(clock_),
      plugins_(loop_, pool_, *this),
      watch_(step_, clock_,
             [this](const StallWatch::Stall& stall) { TellStall(stall); }) {
  for (const auto& [name, type] : handlers_.plugins) {
    names_.emplace(type.get(), name);
  }
}

void LoopMode::Run() {
  pipe_.Send("{\"type\":\"ready\",\"credits\":" +
             std::to_string(slots_ + kCreditsBeyondSlots) + "}");
  MarkCrashesIn(cell_);
  loop_.WatchReadable(pipe_.fd(), [this] {
    pipe_.ReadReady(
        [this](PoolMessage message) { Handle(std::move(message)); });
  });
  loop_.AddTurnEnd([this] { OnTurnEnd(); });
  loop_.Run();
  _exit(0);
}

void LoopMode::Handle(PoolMessage message) {
  if (const auto* ping = std::get_if<PingWorker>(&message)) {
    pipe_.Send("{\"type\":\"pong\",\"number\":" + std::to_string(ping->number) +
               "}");
  } else if (const auto* batch = std::get_if<TaskBatch>(&message)) {
    Add(*batch);
  } else if (const auto* cancel = std::get_if<CancelTask>(&message)) {
    Cancel(cancel->number);
  } else if (std::holds_alternative<DrainWorker>(message)) {
    draining_ = true;
  }
}

void LoopMode::Add(const TaskBatch& batch) {
  const std::string& name = batch.work->job.type;
  const auto type = handlers_.plugins.find(name);
  const auto shared = std::make_shared<const std::string>(batch.parameters);
  for (const TaskBatch::Task& task : batch.tasks) {
    if (type == handlers_.plugins.end()) {
      results_.Add(task.number,
                   Failed("this worker cannot run jobs of type '" + name +
                          "' on an event loop"),
                   {});
      continue;
    }
    held_[task.number] = std::make_unique<HeldTask>(
        *type->second, task.id,
        task.parameters.empty()
            ? shared
            : std::make_shared<const std::string>(task.parameters),
        task.number, voices_, pipe_);
    waiting_.push_back(task.number);
  }
  watch_.SetBusy(!held_.empty());
}

void LoopMode::Cancel(uint64_t number) {
  const auto found = held_.find(number);
  if (found == held_.end()) return;
  HeldTask& task = *found->second;
  if (task.owner != nullptr) {
    plugins_.Stop(task);
  } else {  // it waits for a slot, and need not any more
    results_.Add(number, Stopped(), {});
    held_.erase(found);
  }
}

void LoopMode::BeginWaiting() {
  for (int i = 0; i < kBegunPerTurn; ++i) {
    if (waiting_.empty() || running_ >= slots_) return;
    const auto found = held_.find(waiting_.front());
    waiting_.pop_front();
    if (found != held_.end()) Begin(*found->second);
  }
  loop_.Post([] {});  // the rest begins in the next turn
}

void LoopMode::Begin(HeldTask& task) {
  ++running_;
  task.owner = TakeOwner(task);
  task.began = clock_.Now();
  plugins_.Start(task);
}

StepOwner* LoopMode::TakeOwner(const HeldTask& task) {
  StepOwner* owner = nullptr;
  if (owners_free_.empty()) {
    owner = &owners_.emplace_back();
  } else {
    owner = owners_free_.back();
    owners_free_.pop_back();
  }
  owner->job.store(task.Facts().job, std::memory_order_relaxed);
  owner->task.store(task.number, std::memory_order_relaxed);
  owner->type.store(&names_.at(&task.type()), std::memory_order_relaxed);
  return owner;
}

void LoopMode::OnStepBegin(LoopTask& task) {
  auto& held = static_cast<HeldTask&>(task);
  if (!IsCrashMarked()) cell_.Begin(held.number);
  step_index_.store(held.Facts().index, std::memory_order_relaxed);
  step_began_ = clock_.Now();
  held.waited += WaitedForTurn(held);
  step_.Enter(*held.owner);
}

// What became ready amid the turn before has waited for half of it, unless the
// loop slept since.
Duration LoopMode::WaitedForTurn(const HeldTask& task) const {
  const MonotonicTime turn_began = loop_.Now();
  if (task.began >= turn_began) return step_began_ - task.began;
  const bool slept = turn_began - turn_ended_ > kSleptMin;
  return step_began_ - turn_began + (slept ? Duration::zero() : turn_took_ / 2);
}

void LoopMode::OnStepEnd(LoopTask& task) {
  step_.Leave(nullptr);
  if (!IsCrashMarked()) cell_.Rest();
  const Duration took = clock_.Now() - step_began_;
  static_cast<HeldTask&>(task).in_steps += took;
  in_steps_ += took;
}

void LoopMode::OnWorkBegin(LoopTask& task) {
  SetTaskOfThread(static_cast<HeldTask&>(task).number);
}

void LoopMode::OnWorkEnd(LoopTask&) { SetTaskOfThread(0); }

void LoopMode::OnTaskEnded(LoopTask& task) {
  auto& held = static_cast<HeldTask&>(task);
  --running_;
  owners_free_.push_back(held.owner);
  const std::string log = held.voice().TakeLog();
  if (!log.empty()) logs_ += WorkerFrame(log);
  const auto part = [&](double share) {
    return std::chrono::duration_cast<Duration>(
        std::chrono::duration<double, std::nano>(held.in_steps * share));
  };
  std::optional<Duration> queued;
  if (queue_share_) queued = part(*queue_share_);
  const MonotonicTime now = clock_.Now();
  if (results_.empty()) oldest_result_ = now;
  results_.Add(
      held.number, held.TakeResult(),
      {.wall = now - held.began,
       .cpu = part(cpu_share_),
       .run_queue = queued,
       .loop_wait = std::clamp(
           held.waited, Duration::zero(),
           std::max(Duration::zero(), now - held.began - held.in_steps))});
  held_.erase(held.number);
  if (now - oldest_result_ > kResultsKeptMax) SendResults();
}

void LoopMode::SendResults() {
  logs_ += results_.Take();
  pipe_.SendFrames(std::exchange(logs_, {}));
}

void LoopMode::OnTurnEnd() {
  BeginWaiting();
  if (!results_.empty()) SendResults();
  MeasureShare();
  turn_ended_ = clock_.Now();
  turn_took_ = turn_ended_ - loop_.Now();
  watch_.SetBusy(!held_.empty());
  if (!draining_ || !held_.empty()) return;
  handlers_.plugins.clear();  // frees what was set up, on its thread
  loop_.Stop();
}

void LoopMode::MeasureShare() {
  if (in_steps_ < kMeasuredMin) return;
  const Duration cpu = ThreadCpuTime();
  const std::chrono::duration<double> used = cpu - cpu_;
  const std::chrono::duration<double> held = in_steps_;
  cpu_share_ = std::clamp(used / held, 0.0, 1.0);
  cpu_ = cpu;
  if (const std::optional<Duration> waited = run_queue_.SinceLast()) {
    const std::chrono::duration<double> queued = *waited;
    queue_share_ = std::min(1.0, queued / held);
  }
  in_steps_ = Duration::zero();
}

// On the watch's thread, while it lasts.
void LoopMode::TellStall(const StallWatch::Stall& stall) {
  const std::chrono::duration<double> lasted = stall.lasted;
  std::array<char, 32> seconds = {};
  std::snprintf(seconds.data(), seconds.size(), "%.3f", lasted.count());
  const std::string text =
      "task " + std::to_string(step_index_.load(std::memory_order_relaxed)) +
      " of job type '" + stall.type + "' has held the event loop for " +
      seconds.data() +
      " s, and all others on it wait: co_await Offload() what blocks or "
      "computes";
  pipe_.Send("{\"type\":\"finding\",\"code\":\"loop_blocked\",\"job\":\"" +
             std::to_string(stall.job.value) + "\",\"id\":\"" +
             std::to_string(stall.task) + "\",\"text\":" + JsonString(text) +
             ",\"function\":" + JsonString(stall.type) +
             ",\"seconds\":" + seconds.data() + "}");
}

}  // namespace

void RunLoopMode(ModeSetting setting) { LoopMode(std::move(setting)).Run(); }

}  // namespace remuda
