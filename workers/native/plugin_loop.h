#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/event_loop.h"
#include "jobs/ids.h"
#include "workers/native/fd_waits.h"
#include "workers/native/offload_pool.h"
#include "workers/native/plugin_task.h"
#include "workers/native/plugin_type.h"

namespace remuda {

class PluginLoop;

// The run of a coroutine, which waits for at most one thing at a time.
//
// Thread: confined to the loop's; StopRequested() any.
class LoopTask : public remuda_task {
 public:
  // `parameters` is what the plugin refers to until the end.
  LoopTask(PluginType& type, const AttemptId& id,
           std::shared_ptr<const std::string> parameters, TaskVoice& voice)
      : remuda_task(id, voice),
        type_(type),
        parameters_(std::move(parameters)) {}

  PluginType& type() const { return type_; }

  bool StopRequested() const override {
    return stop_.load(std::memory_order_relaxed);
  }
  void OnStop(void (*stopped)(void*), void* data) override;
  int WaitForTime(Duration time, remuda_wake wake, void* data) override;
  int WaitForFd(int fd, uint32_t events, std::optional<Duration> limit,
                remuda_wake wake, void* data) override;
  int WaitForWork(void (*work)(void*), remuda_wake wake, void* data) override;
  void End() override { ended_ = true; }

 private:
  friend class PluginLoop;
  enum class Waits : uint8_t { kNot, kTime, kFd, kWork };

  // REMUDA_WAITS if it may begin to wait.
  int MayWait() const;
  int Begin(Waits waits, remuda_wake wake, void* data);
  void SetTimer(Duration time, int outcome);

  PluginLoop* loop_ = nullptr;
  PluginType& type_;
  const std::shared_ptr<const std::string> parameters_;
  std::atomic<bool> stop_ = false;
  bool ended_ = false;
  Waits waits_ = Waits::kNot;
  int fd_ = -1;
  TimerId timer_;
  bool has_timer_ = false;
  remuda_wake wake_ = nullptr;
  void* wake_data_ = nullptr;
  void (*on_stop_)(void*) = nullptr;
  void* on_stop_data_ = nullptr;
};

// Runs coroutines of plugins on a loop: what the C interface's waits mean.
// How many at once, and what becomes of their ends, is the owner's affair.
//
// Thread: confined to the loop's.
// Lifetime: the loop, the pool and the owner outlive it; destroyed when no
// task is left.
class PluginLoop {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // The plugin's code runs for `task` between the two.
    virtual void OnStepBegin(LoopTask& task) = 0;
    virtual void OnStepEnd(LoopTask& task) = 0;
    // On another thread: what `task` has offloaded begins or ends there.
    virtual void OnWorkBegin(LoopTask&) {}
    virtual void OnWorkEnd(LoopTask&) {}
    // It is over, and the owner may destroy it. No other task's step may be
    // begun within.
    virtual void OnTaskEnded(LoopTask& task) = 0;
  };

  PluginLoop(EventLoop& loop, OffloadPool& pool, Owner& owner);

  // Begins it. It lives until OnTaskEnded(), which may come within.
  void Start(LoopTask& task);

  // Asks it to stop, which may end it within. Only once it was started.
  void Stop(LoopTask& task);

 private:
  friend class LoopTask;

  template <typename Code>
  void Step(LoopTask& task, const Code& code);
  // Ends the wait and goes on with the task.
  void Wake(LoopTask& task, int outcome);
  // The same within a step.
  static void Resume(LoopTask& task, int outcome);
  void EndWait(LoopTask& task);

  EventLoop& loop_;
  OffloadPool& pool_;
  Owner& owner_;
  FdWaits fds_;
};

}  // namespace remuda
