#include "workers/native/coroutine_runner.h"

namespace remuda {

HandlerResult CoroutineRunner::Run(PluginType& type, const AttemptId& id,
                                   const std::string& parameters,
                                   TaskVoice& voice,
                                   const std::stop_token& stop) {
  LoopTask task(type, id, std::make_shared<const std::string>(parameters),
                voice);
  task_ = &task;
  plugins_.Start(task);
  if (task_ != nullptr) {
    // It may come when this run is over, and must not stop the next.
    const std::stop_callback on_stop(stop, [this, run = ++runs_] {
      loop_.Post([this, run] {
        if (run == runs_ && task_ != nullptr) plugins_.Stop(*task_);
      });
    });
    is_running_ = true;
    loop_.Run();
    is_running_ = false;
  }
  if (stop.stop_requested()) return Stopped();
  return task.TakeResult();
}

void CoroutineRunner::OnTaskEnded(LoopTask&) {
  task_ = nullptr;
  if (is_running_) loop_.Stop();
}

}  // namespace remuda
