#include "workers/native/plugin_loop.h"

#include "base/check.h"

namespace remuda {

void LoopTask::OnStop(void (*stopped)(void*), void* data) {
  on_stop_ = stopped;
  on_stop_data_ = data;
  if (stopped != nullptr && StopRequested()) {
    on_stop_ = nullptr;
    stopped(data);
  }
}

int LoopTask::MayWait() const {
  if (StopRequested()) return REMUDA_STOPPED;
  return waits_ == Waits::kNot && !ended_ ? REMUDA_WAITS : REMUDA_REFUSED;
}

int LoopTask::Begin(Waits waits, remuda_wake wake, void* data) {
  waits_ = waits;
  wake_ = wake;
  wake_data_ = data;
  return REMUDA_WAITS;
}

// From now on, not from when the present turn of the loop began.
void LoopTask::SetTimer(Duration time, int outcome) {
  EventLoop& loop = loop_->loop_;
  timer_ = loop.RunAt(loop.clock().Now() + time,
                      [this, outcome] { loop_->Wake(*this, outcome); });
  has_timer_ = true;
}

int LoopTask::WaitForTime(Duration time, remuda_wake wake, void* data) {
  if (const int answer = MayWait(); answer != REMUDA_WAITS) return answer;
  SetTimer(time, REMUDA_READY);
  return Begin(Waits::kTime, wake, data);
}

int LoopTask::WaitForFd(int fd, uint32_t events, std::optional<Duration> limit,
                        remuda_wake wake, void* data) {
  if (const int answer = MayWait(); answer != REMUDA_WAITS) return answer;
  if (!loop_->fds_.Add(fd, events, *this)) return REMUDA_REFUSED;
  fd_ = fd;
  if (limit.has_value()) SetTimer(*limit, REMUDA_TIMED_OUT);
  return Begin(Waits::kFd, wake, data);
}

int LoopTask::WaitForWork(void (*work)(void*), remuda_wake wake, void* data) {
  if (const int answer = MayWait(); answer != REMUDA_WAITS) return answer;
  const bool taken = loop_->pool_.Submit([this, work, data] {
    loop_->owner_.OnWorkBegin(*this);
    work(data);
    loop_->owner_.OnWorkEnd(*this);
    loop_->loop_.Post([this] {
      loop_->Wake(*this, StopRequested() ? REMUDA_STOPPED : REMUDA_READY);
    });
  });
  return taken ? Begin(Waits::kWork, wake, data) : REMUDA_REFUSED;
}

PluginLoop::PluginLoop(EventLoop& loop, OffloadPool& pool, Owner& owner)
    : loop_(loop),
      pool_(pool),
      owner_(owner),
      fds_(loop, [this](LoopTask& task) { Wake(task, REMUDA_READY); }) {}

template <typename Code>
void PluginLoop::Step(LoopTask& task, const Code& code) {
  owner_.OnStepBegin(task);
  code();
  owner_.OnStepEnd(task);
  // Work on another thread uses the task: then its return is the end.
  if (!task.ended_ || task.waits_ == LoopTask::Waits::kWork) return;
  EndWait(task);
  owner_.OnTaskEnded(task);
}

void PluginLoop::Start(LoopTask& task) {
  task.loop_ = this;
  Step(task, [&] {
    // The state may be made now, and that is the task's doing.
    void* state = task.type_.State();
    task.type_.code().start(&PluginHost(), &task, state,
                            task.parameters_->data(), task.parameters_->size());
  });
}

void PluginLoop::EndWait(LoopTask& task) {
  if (task.has_timer_) loop_.CancelTimer(task.timer_);
  task.has_timer_ = false;
  if (task.waits_ == LoopTask::Waits::kFd) fds_.Remove(task.fd_);
  task.waits_ = LoopTask::Waits::kNot;
}

void PluginLoop::Resume(LoopTask& task, int outcome) {
  task.wake_(task.wake_data_, outcome);
}

void PluginLoop::Wake(LoopTask& task, int outcome) {
  CHECK(task.waits_ != LoopTask::Waits::kNot);
  EndWait(task);
  if (task.ended_) return owner_.OnTaskEnded(task);
  Step(task, [&] { Resume(task, outcome); });
}

void PluginLoop::Stop(LoopTask& task) {
  if (task.StopRequested() || task.ended_) return;
  task.stop_.store(true, std::memory_order_relaxed);
  Step(task, [&] {
    if (task.on_stop_ != nullptr) {
      std::exchange(task.on_stop_, nullptr)(task.on_stop_data_);
    }
    // Work on another thread uses what the coroutine holds.
    if (task.waits_ == LoopTask::Waits::kNot ||
        task.waits_ == LoopTask::Waits::kWork) {
      return;
    }
    EndWait(task);
    Resume(task, REMUDA_STOPPED);
  });
}

}  // namespace remuda
