#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "executors/handlers/handler_result.h"
#include "jobs/ids.h"
#include "plugins/remuda_plugin.h"
#include "workers/native/task_voice.h"

// One run of a plugin's task, as its host sees it: the C interface's functions
// end here. How it waits and how it learns that it should stop is a matter of
// its form.
//
// Thread: that of the task, but for Log(), Progress() and StopRequested().
// Lifetime: until run() has returned or the coroutine has ended.
struct remuda_task {
 public:
  remuda_task(const remuda::AttemptId& id, remuda::TaskVoice& voice)
      : id_(id), voice_(voice) {}
  virtual ~remuda_task() = default;
  remuda_task(const remuda_task&) = delete;
  remuda_task& operator=(const remuda_task&) = delete;

  void Succeed(std::string_view json);
  void Fail(std::string_view text);
  remuda_task_facts Facts() const;
  remuda::TaskVoice& voice() { return voice_; }

  virtual bool StopRequested() const = 0;
  virtual void OnStop(void (*stopped)(void*), void* data) = 0;
  virtual void* ThreadState() { return nullptr; }

  virtual int WaitForTime(remuda::Duration, remuda_wake, void*) {
    return REMUDA_REFUSED;
  }
  // At most `limit`, or for ever if there is none.
  virtual int WaitForFd(int, uint32_t, std::optional<remuda::Duration>,
                        remuda_wake, void*) {
    return REMUDA_REFUSED;
  }
  virtual int WaitForWork(void (*)(void*), remuda_wake, void*) {
    return REMUDA_REFUSED;
  }
  virtual void End() {}

  // What became of it; whoever was asked to stop was stopped. Once.
  remuda::HandlerResult TakeResult();

 private:
  const remuda::AttemptId id_;
  remuda::TaskVoice& voice_;
  bool has_ending_ = false;
  remuda::HandlerResult result_;
};

namespace remuda {

// What plugins call.
const remuda_host& PluginHost();

// The run of a blocking handler.
class BlockingPluginTask : public remuda_task {
 public:
  BlockingPluginTask(const AttemptId& id, TaskVoice& voice,
                     std::stop_token stop, void* thread_state)
      : remuda_task(id, voice),
        stop_(std::move(stop)),
        thread_state_(thread_state) {}

  bool StopRequested() const override { return stop_.stop_requested(); }
  void OnStop(void (*stopped)(void*), void* data) override;
  void* ThreadState() override { return thread_state_; }

 private:
  const std::stop_token stop_;
  void* const thread_state_;
  // Its destruction waits for a call that is under way.
  std::optional<std::stop_callback<std::function<void()>>> on_stop_;
};

}  // namespace remuda
