#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>

#include "executors/handlers/handler_result.h"
#include "jobs/ids.h"
#include "workers/native/plugin.h"
#include "workers/native/task_voice.h"

namespace remuda {

// One job type of a plugin in this worker, with what it keeps for the whole
// worker: made before its first task, freed with this object.
//
// Thread: State() any.
class PluginType {
 public:
  explicit PluginType(PluginJobType job_type)
      : job_type_(std::move(job_type)) {}
  ~PluginType();
  PluginType(const PluginType&) = delete;
  PluginType& operator=(const PluginType&) = delete;

  const PluginJobType& job_type() const { return job_type_; }
  const remuda_job_type& code() const { return job_type_.type; }

  void* State();

 private:
  const PluginJobType job_type_;
  std::once_flag made_;
  void* state_ = nullptr;
};

// By the name of the job type.
using PluginTypes =
    std::map<std::string, std::unique_ptr<PluginType>, std::less<>>;

// What one thread keeps for the blocking handlers of plugins.
//
// Thread: confined to that thread, which also destroys it.
// Lifetime: within that of the types.
class PluginThreadStates {
 public:
  PluginThreadStates() = default;
  ~PluginThreadStates();
  PluginThreadStates(const PluginThreadStates&) = delete;
  PluginThreadStates& operator=(const PluginThreadStates&) = delete;

  // Null if the type keeps nothing by thread.
  void* Of(PluginType& type);

 private:
  std::map<PluginType*, void*> states_;
};

// Runs a task of a blocking type on this thread, to its end.
HandlerResult RunBlockingPlugin(PluginType& type, PluginThreadStates& states,
                                const AttemptId& id,
                                const std::string& parameters, TaskVoice& voice,
                                const std::stop_token& stop);

}  // namespace remuda
