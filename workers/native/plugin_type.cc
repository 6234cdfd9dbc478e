#include "workers/native/plugin_type.h"

#include "workers/native/plugin_task.h"

namespace remuda {

PluginType::~PluginType() {
  if (state_ != nullptr) code().free_state(state_);
}

void* PluginType::State() {
  std::call_once(made_, [this] {
    if (code().make_state != nullptr) state_ = code().make_state();
  });
  return state_;
}

PluginThreadStates::~PluginThreadStates() {
  for (const auto& [type, state] : states_) {
    if (state != nullptr) type->code().free_thread_state(state);
  }
}

void* PluginThreadStates::Of(PluginType& type) {
  if (type.code().make_thread_state == nullptr) return nullptr;
  const auto [found, is_new] = states_.try_emplace(&type, nullptr);
  if (is_new) found->second = type.code().make_thread_state(type.State());
  return found->second;
}

HandlerResult RunBlockingPlugin(PluginType& type, PluginThreadStates& states,
                                const AttemptId& id,
                                const std::string& parameters, TaskVoice& voice,
                                const std::stop_token& stop) {
  void* state = type.State();
  BlockingPluginTask task(id, voice, stop, states.Of(type));
  type.code().run(&PluginHost(), &task, state, parameters.data(),
                  parameters.size());
  return task.TakeResult();
}

}  // namespace remuda
