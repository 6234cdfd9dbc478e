#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/event_loop.h"
#include "workers/native/offload_pool.h"
#include "workers/native/plugin_loop.h"

namespace remuda {

// Runs coroutines one at a time, each to its end, on a loop of this thread's
// own: for a worker that has one task at a time.
//
// Thread: confined to one.
class CoroutineRunner : private PluginLoop::Owner {
 public:
  CoroutineRunner() : loop_(clock_), plugins_(loop_, pool_, *this) {}

  HandlerResult Run(PluginType& type, const AttemptId& id,
                    const std::string& parameters, TaskVoice& voice,
                    const std::stop_token& stop);

 private:
  void OnStepBegin(LoopTask&) override {}
  void OnStepEnd(LoopTask&) override {}
  void OnTaskEnded(LoopTask&) override;

  const SystemClock clock_;
  EventLoop loop_;
  OffloadPool pool_;  // its threads post to the loop
  PluginLoop plugins_;
  LoopTask* task_ = nullptr;
  uint64_t runs_ = 0;
  bool is_running_ = false;
};

}  // namespace remuda
