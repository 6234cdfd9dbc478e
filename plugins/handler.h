#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "plugins/remuda_plugin.h"
#include "plugins/task.h"
#include "plugins/task_context.h"
#include "plugins/waits.h"

// The C++ way to write a plugin: headers alone, over the C interface of
// remuda_plugin.h, that need the standard library alone. docs/PLUGINS.md shows
// both forms of a handler, and plugins/example is whole.

namespace remuda::plugin {

// A job type's code that may block. One object is made a worker, before its
// first task, and keeps what is costly to make. Run() gets the parameters as
// JSON text and returns the result as JSON text; what it throws becomes the
// task's error.
//
// With `static constexpr bool kThreadSafe = true` Run() is called on many
// threads at once, and the type may run on the thread-pool. A member type
// `PerThread`, made from the handler or from nothing, is made once a thread.
template <typename H>
concept BlockingHandler = std::default_initializable<H> &&
    requires(H handler, std::string_view parameters, TaskContext& context) {
  { handler.Run(parameters, context) } -> std::convertible_to<std::string>;
};

// The same as a coroutine: thousands of its tasks are in flight on one thread
// of a worker, each of them waiting most of the time. Whatever blocks or
// computes belongs into Offload. One thread runs them all, so what the handler
// keeps needs no lock, save what is offloaded.
template <typename H>
concept CoroutineHandler = std::default_initializable<H> &&
    requires(H handler, std::string_view parameters, TaskContext& context) {
  { handler.Run(parameters, context) } -> std::same_as<Task<std::string>>;
};

namespace internal {

// Null only if there is no memory for saying why.
template <typename T, typename... From>
void* Make(From&... from) noexcept {
  auto* made = new (std::nothrow) Made<T>;
  if (made == nullptr) return nullptr;
  try {
    made->value = std::make_unique<T>(from...);
  } catch (...) {
    made->error = "the handler could not be made: " + WordsOfError();
  }
  return made;
}

template <typename T>
void* MakeState() {
  return Make<T>();
}

template <typename T>
void FreeState(void* state) {
  delete static_cast<Made<T>*>(state);
}

template <typename T>
T& StateOf(void* state) {
  if (state == nullptr) throw std::bad_alloc();
  return static_cast<Made<T>*>(state)->Get();
}

template <typename H>
void* MakeThreadState(void* state) {
  using State = typename H::PerThread;
  if constexpr (std::constructible_from<State, H&>) {
    auto* made = static_cast<Made<H>*>(state);
    // A task says why there is no handler before it asks for this.
    if (made == nullptr || made->value == nullptr) return nullptr;
    return Make<State>(*made->value);
  } else {
    return Make<State>();
  }
}

inline void Fail(const TaskContext& context, const std::string& error) {
  context.host().fail(context.task(), error.data(), error.size());
}

inline void Succeed(const TaskContext& context, const std::string& result) {
  // Without an ending it was stopped.
  if (context.StopRequested()) return;
  context.host().succeed(context.task(), result.data(), result.size());
}

template <BlockingHandler H>
void RunBlocking(const remuda_host* host, remuda_task* task, void* state,
                 const char* parameters, size_t length) {
  TaskContext context(*host, task);
  try {
    Succeed(context, StateOf<H>(state).Run({parameters, length}, context));
  } catch (const TaskStopped&) {
  } catch (...) {
    Fail(context, WordsOfError());
  }
}

template <CoroutineHandler H>
Root Drive(TaskContext context, void* state, std::string_view parameters) {
  try {
    const std::string result =
        co_await StateOf<H>(state).Run(parameters, context);
    Succeed(context, result);
  } catch (const TaskStopped&) {
  } catch (...) {
    Fail(context, WordsOfError());
  }
  context.host().end(context.task());
}

template <CoroutineHandler H>
void StartCoroutine(const remuda_host* host, remuda_task* task, void* state,
                    const char* parameters, size_t length) {
  const TaskContext context(*host, task);
  try {
    Drive<H>(context, state, {parameters, length});
  } catch (...) {  // no memory for the coroutine, which has not begun
    Fail(context, WordsOfError());
    host->end(task);
  }
}

template <typename H>
constexpr bool IsThreadSafe() {
  if constexpr (requires { H::kThreadSafe; }) return H::kThreadSafe;
  return false;
}

}  // namespace internal

// What people and specs see of a job type.
struct TypeWords {
  const char* name;      // vendor.type
  const char* meaning;   // one sentence
  const char* workload;  // io, blocking, cpu or vectorized
  std::span<const remuda_parameter> parameters = {};
};

// The job type that `H` runs, for the plugin's manifest.
template <typename H>
constexpr remuda_job_type JobTypeOf(const TypeWords& words) {
  static_assert(BlockingHandler<H> || CoroutineHandler<H>,
                "a handler has std::string Run(std::string_view, TaskContext&)"
                " or the same with Task<std::string>");
  remuda_job_type type = {};
  type.name = words.name;
  type.meaning = words.meaning;
  type.workload = words.workload;
  type.parameters = words.parameters.data();
  type.parameter_count = words.parameters.size();
  type.make_state = &internal::MakeState<H>;
  type.free_state = &internal::FreeState<H>;
  if constexpr (CoroutineHandler<H>) {
    static_assert(
        !requires { typename H::PerThread; },
        "one thread runs a coroutine handler: keep it in the handler");
    type.form = REMUDA_COROUTINE;
    type.start = &internal::StartCoroutine<H>;
  } else {
    type.form = REMUDA_BLOCKING;
    type.flags = internal::IsThreadSafe<H>() ? REMUDA_THREAD_SAFE : 0;
    type.run = &internal::RunBlocking<H>;
    if constexpr (requires { typename H::PerThread; }) {
      type.make_thread_state = &internal::MakeThreadState<H>;
      type.free_thread_state = &internal::FreeState<typename H::PerThread>;
    }
  }
  return type;
}

// The manifest that remuda_plugin() returns.
template <size_t kCount>
constexpr remuda_manifest ManifestOf(const char* name, const char* version,
                                     const remuda_job_type (&types)[kCount]) {
  return {REMUDA_PLUGIN_ABI,
          sizeof(remuda_job_type),
          name,
          version,
          types,
          kCount,
          sizeof(remuda_host),
          sizeof(remuda_parameter)};
}

}  // namespace remuda::plugin
