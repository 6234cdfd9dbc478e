#pragma once

#include <chrono>
#include <concepts>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "plugins/task.h"

namespace remuda::plugin {
namespace internal {

// One wait of a coroutine: how the host is asked is the child's affair.
template <typename Child>
class Wait {
 public:
  bool await_ready() const noexcept { return false; }

  template <OfATask Promise>
  bool await_suspend(std::coroutine_handle<Promise> coroutine) {
    coroutine_ = coroutine;
    outcome_ = static_cast<Child*>(this)->Begin(*coroutine.promise().context);
    return outcome_ == REMUDA_WAITS;
  }

 protected:
  static void Wake(void* child, int outcome) {
    auto* self = static_cast<Child*>(child);
    self->outcome_ = outcome;
    self->coroutine_.resume();  // which may be the end of this
  }

  void ThrowIfStopped() const {
    if (outcome_ == REMUDA_STOPPED) throw TaskStopped();
  }

  std::coroutine_handle<> coroutine_;
  int outcome_ = REMUDA_WAITS;
};

}  // namespace internal

// `co_await Sleep(time)` waits so long. Sleep(0) lets the others on the loop go
// first.
class [[nodiscard]] Sleep : public internal::Wait<Sleep> {
 public:
  explicit Sleep(std::chrono::nanoseconds time) : time_(time) {}

  void await_resume() const { ThrowIfStopped(); }

 private:
  friend class internal::Wait<Sleep>;
  int Begin(const TaskContext& context) {
    const int64_t time = time_.count() < 0 ? 0 : time_.count();
    return context.host().wait_for_time(
        context.task(), static_cast<uint64_t>(time), &Sleep::Wake, this);
  }

  const std::chrono::nanoseconds time_;
};

// `co_await Readable(fd)` waits until the descriptor can be read without
// blocking, or is broken. With a limit it is false if that time passed first.
// The descriptor stays open meanwhile, and one coroutine waits for it.
//
// Throws std::invalid_argument if it cannot be waited for: it is not open, is
// an ordinary file (whose reading belongs in Offload), or another waits.
class [[nodiscard]] WaitForFd : public internal::Wait<WaitForFd> {
 public:
  WaitForFd(int fd, uint32_t events, std::chrono::nanoseconds limit)
      : fd_(fd), events_(events), limit_(limit) {}

  bool await_resume() const {
    ThrowIfStopped();
    if (outcome_ == REMUDA_REFUSED) {
      throw std::invalid_argument("descriptor " + std::to_string(fd_) +
                                  " cannot be waited for");
    }
    return outcome_ == REMUDA_READY;
  }

 private:
  friend class internal::Wait<WaitForFd>;
  int Begin(const TaskContext& context) {
    const int64_t limit = limit_.count() < 0 ? 1 : limit_.count();
    return context.host().wait_for_fd(context.task(), fd_, events_,
                                      static_cast<uint64_t>(limit),
                                      &WaitForFd::Wake, this);
  }

  const int fd_;
  const uint32_t events_;
  const std::chrono::nanoseconds limit_;
};

inline WaitForFd Readable(int fd, std::chrono::nanoseconds limit = {}) {
  return {fd, REMUDA_READABLE, limit};
}

inline WaitForFd Writable(int fd, std::chrono::nanoseconds limit = {}) {
  return {fd, REMUDA_WRITABLE, limit};
}

// `co_await Offload([&] { return ...; })` calls the function on another thread
// of the worker, for what blocks or computes, and is what it returns or
// throws. It may use what the coroutine holds, as that waits until it has
// returned, also if the task should stop: a long one asks the context.
template <std::invocable Work>
class [[nodiscard]] Offload : public internal::Wait<Offload<Work>> {
 public:
  using Result = std::invoke_result_t<Work&>;

  explicit Offload(Work work) : work_(std::move(work)) {}

  Result await_resume() {
    this->ThrowIfStopped();
    if (this->outcome_ == REMUDA_REFUSED) {
      throw std::runtime_error("too much offloaded work waits");
    }
    if (error_ != nullptr) std::rethrow_exception(error_);
    if constexpr (!std::is_void_v<Result>) return std::move(*result_);
  }

 private:
  friend class internal::Wait<Offload<Work>>;
  using Kept =
      std::conditional_t<std::is_void_v<Result>, std::monostate, Result>;

  int Begin(const TaskContext& context) {
    return context.host().wait_for_work(context.task(), &Offload::Call,
                                        &Offload::Wake, this);
  }

  static void Call(void* offload) {
    auto* self = static_cast<Offload*>(offload);
    try {
      if constexpr (std::is_void_v<Result>) {
        self->work_();
      } else {
        self->result_.emplace(self->work_());
      }
    } catch (...) {
      self->error_ = std::current_exception();
    }
  }

  Work work_;
  std::optional<Kept> result_;
  std::exception_ptr error_;
};

}  // namespace remuda::plugin
