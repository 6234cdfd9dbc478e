#pragma once

#include <concepts>
#include <exception>
#include <string>
#include <string_view>

#include "plugins/remuda_plugin.h"

namespace remuda {

// What a C++ handler of a plugin may ask while it runs. Header-only, over the
// C interface of remuda_plugin.h; it needs the standard library alone.
//
// Thread: of the task.
// Lifetime: of one call of Run().
class TaskContext {
 public:
  TaskContext(const remuda_host& host, remuda_task* task)
      : host_(host), task_(task) {}

  // The task was cancelled or took too long: return soon, with anything.
  bool StopRequested() const { return host_.stop_requested(task_) != 0; }

 private:
  const remuda_host& host_;
  remuda_task* task_;
};

// A job type's code. One object is made a worker and keeps what is costly to
// make. Run() gets the parameters as JSON text and returns the result as JSON
// text; what it throws becomes the task's error.
template <typename H>
concept PluginHandler = std::default_initializable<H> &&
    requires(H handler, std::string_view parameters, TaskContext& context) {
  { handler.Run(parameters, context) } -> std::convertible_to<std::string>;
};

namespace plugin_internal {

// The state is the handler, or null where its constructor threw.
template <PluginHandler H>
void* MakeState() {
  try {
    return new H();
  } catch (...) {
    return nullptr;
  }
}

template <PluginHandler H>
void FreeState(void* state) {
  delete static_cast<H*>(state);
}

template <PluginHandler H>
void RunTask(const remuda_host* host, remuda_task* task, void* state,
             const char* parameters, size_t length) {
  std::string error;
  try {
    if (state == nullptr) {
      error = "the handler could not be made";
    } else {
      TaskContext context(*host, task);
      const std::string result = static_cast<H*>(state)->Run(
          std::string_view(parameters, length), context);
      if (context.StopRequested()) return;
      host->succeed(task, result.data(), result.size());
      return;
    }
  } catch (const std::exception& thrown) {
    error = thrown.what();
  } catch (...) {
    error = "the handler threw what is no std::exception";
  }
  host->fail(task, error.data(), error.size());
}

}  // namespace plugin_internal

// The job type that `H` runs, for the plugin's manifest.
template <PluginHandler H>
constexpr remuda_job_type JobTypeOf(const char* name, const char* meaning,
                                    const char* workload,
                                    const remuda_parameter* parameters,
                                    size_t parameter_count) {
  return {name,
          meaning,
          workload,
          parameters,
          parameter_count,
          &plugin_internal::MakeState<H>,
          &plugin_internal::FreeState<H>,
          &plugin_internal::RunTask<H>};
}

}  // namespace remuda
