#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "executors/handlers/handler_result.h"
#include "jobs/attempt.h"

namespace boost::asio {
class io_context;
class any_io_executor;
template <typename T, typename Executor>
class awaitable;
}  // namespace boost::asio

namespace remuda {

// A coroutine on an executor's event loop.
using HandlerCoroutine =
    boost::asio::awaitable<HandlerResult, boost::asio::any_io_executor>;

// Runs attempts of one job type on an event loop, thousands at once: the body
// is a coroutine that never blocks the thread. Being asked to stop reaches it
// as cancellation of what it awaits, and it may let that exception pass.
//
// Thread: confined to its loop.
// Lifetime: outlives its coroutines, except for their destruction.
class AsyncHandler {
 public:
  virtual ~AsyncHandler() = default;

  // For an attempt that ends without waiting, which then costs no coroutine.
  // Nothing: Run() it.
  virtual std::optional<HandlerResult> TryAtOnce(
      const Attempt& /*attempt*/, const std::string& /*parameters*/) {
    return std::nullopt;
  }

  // `attempt` outlives the coroutine; `parameters` is the rendered `with:`.
  virtual HandlerCoroutine Run(const Attempt& attempt,
                               std::string parameters) = 0;
};

// By the name of the job type.
using AsyncHandlers =
    std::map<std::string, std::unique_ptr<AsyncHandler>, std::less<>>;

// Makes the handlers of one loop; they may keep connections on it.
using AsyncHandlerFactory =
    std::function<AsyncHandlers(boost::asio::io_context& loop)>;

}  // namespace remuda
