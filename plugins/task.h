#pragma once

#include <concepts>
#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "plugins/task_context.h"

namespace remuda::plugin {

template <typename T>
class Task;

namespace internal {

// What all coroutines of one task share: its context, handed down by whoever
// awaits them.
struct PromiseBase {
  const TaskContext* context = nullptr;
  std::coroutine_handle<> continuation;
  bool is_starting = false;  // by the coroutine that awaits it
  std::exception_ptr error;

  // Goes on with the one that awaits it, unless that one is still on the
  // stack, below the call that has started this one: then it sees that there
  // is nothing to wait for. So a loop over things that are done at once needs
  // no more stack than one of them.
  struct Final {
    bool await_ready() const noexcept { return false; }
    template <typename Promise>
    void await_suspend(std::coroutine_handle<Promise> done) const noexcept {
      if (!done.promise().is_starting) done.promise().continuation.resume();
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  Final final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { error = std::current_exception(); }
};

template <typename T>
struct Promise : PromiseBase {
  std::optional<T> value;

  Task<T> get_return_object();
  template <std::convertible_to<T> From>
  void return_value(From&& from) {
    value.emplace(std::forward<From>(from));
  }
  T Take() {
    if (error != nullptr) std::rethrow_exception(error);
    return std::move(*value);
  }
};

template <>
struct Promise<void> : PromiseBase {
  inline Task<void> get_return_object();
  void return_void() const noexcept {}
  void Take() const {
    if (error != nullptr) std::rethrow_exception(error);
  }
};

// Coroutines that run for a task, so that they may wait.
template <typename P>
concept OfATask = std::derived_from<P, PromiseBase>;

}  // namespace internal

// A coroutine that runs for a task and returns a T: it begins when it is
// awaited, by another one, and runs on the loop's thread. What it throws, who
// awaits it gets.
//
// Lifetime: owns the coroutine; who awaits it keeps what it refers to.
template <typename T>
class [[nodiscard]] Task {
 public:
  using promise_type = internal::Promise<T>;

  explicit Task(std::coroutine_handle<promise_type> coroutine)
      : coroutine_(coroutine) {}
  Task(Task&& other) noexcept
      : coroutine_(std::exchange(other.coroutine_, nullptr)) {}
  Task& operator=(Task&& other) = delete;
  ~Task() {
    if (coroutine_) coroutine_.destroy();
  }

  bool await_ready() const noexcept { return false; }

  template <internal::OfATask Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting) {
    promise_type& promise = coroutine_.promise();
    promise.context = awaiting.promise().context;
    promise.continuation = awaiting;
    promise.is_starting = true;
    coroutine_.resume();
    promise.is_starting = false;
    return !coroutine_.done();
  }

  T await_resume() { return coroutine_.promise().Take(); }

 private:
  std::coroutine_handle<promise_type> coroutine_;
};

namespace internal {

template <typename T>
Task<T> Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}

inline Task<void> Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

// The outermost coroutine of a task, which nobody awaits: it begins at once
// and frees itself.
struct Root {
  struct promise_type : PromiseBase {
    template <typename... More>
    explicit promise_type(const TaskContext& of_task, const More&...) {
      context = &of_task;
    }
    Root get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }
  };
};

}  // namespace internal
}  // namespace remuda::plugin
