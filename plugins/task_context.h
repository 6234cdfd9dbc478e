#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "plugins/remuda_plugin.h"

namespace remuda::plugin {

enum class Level : int {
  kDebug = REMUDA_DEBUG,
  kInfo = REMUDA_INFO,
  kWarning = REMUDA_WARNING,
  kError = REMUDA_ERROR,
};

// Thrown by each wait of a coroutine whose task should stop. It is no
// std::exception, so that who handles errors does not swallow it.
struct TaskStopped {};

namespace internal {

// What was made, or why it could not be.
template <typename T>
struct Made {
  std::unique_ptr<T> value;
  std::string error;

  T& Get() {
    if (value == nullptr) throw std::runtime_error(error);
    return *value;
  }
};

// What is thrown, in words. Only within a catch.
inline std::string WordsOfError() {
  try {
    throw;
  } catch (const std::exception& thrown) {
    return thrown.what();
  } catch (...) {
    return "the handler threw what is no std::exception";
  }
}

}  // namespace internal

// What a handler may ask and say while it runs.
//
// Thread: that of the task; StopRequested(), Log() and Progress() any, so also
// what the task has offloaded.
// Lifetime: of one call of Run(), or of the coroutine that it returned.
class TaskContext {
 public:
  TaskContext(const remuda_host& host, remuda_task* task)
      : host_(&host), task_(task) {}

  // The task was cancelled or took too long: end soon, with anything.
  bool StopRequested() const { return host_->stop_requested(task_) != 0; }

  // Adds a line to the task's log.
  void Log(Level level, std::string_view text) const {
    host_->log(task_, static_cast<int>(level), text.data(), text.size());
  }

  // How far the task is, from 0 to 1.
  void Progress(double fraction, std::string_view text = {}) const {
    host_->progress(task_, fraction, text.data(), text.size());
  }

  // Its job, its index in the job and the number of its try.
  remuda_task_facts Facts() const {
    remuda_task_facts facts = {};
    host_->facts(task_, &facts);
    return facts;
  }

  // This thread's own `H::PerThread` of the blocking handler H.
  // Throws what kept it from being made.
  template <typename State>
  State& PerThread() const {
    auto* made =
        static_cast<internal::Made<State>*>(host_->thread_state(task_));
    if (made == nullptr) throw std::logic_error("the handler has no PerThread");
    return made->Get();
  }

  // For what this header's neighbours are made of.
  const remuda_host& host() const { return *host_; }
  remuda_task* task() const { return task_; }

 private:
  const remuda_host* host_;
  remuda_task* task_;
};

// While it lives, `stopped` is called once when the task should stop, at once
// if it should already: to interrupt a library that has its own way for that.
// A blocking handler's is called on another thread. One at a time.
class StopCallback {
 public:
  StopCallback(const TaskContext& context, std::function<void()> stopped)
      : context_(context), stopped_(std::move(stopped)) {
    context_.host().on_stop(context_.task(), &StopCallback::Call, this);
  }
  ~StopCallback() {
    context_.host().on_stop(context_.task(), nullptr, nullptr);
  }
  StopCallback(const StopCallback&) = delete;
  StopCallback& operator=(const StopCallback&) = delete;

 private:
  static void Call(void* self) { static_cast<StopCallback*>(self)->stopped_(); }

  const TaskContext context_;
  const std::function<void()> stopped_;
};

}  // namespace remuda::plugin
