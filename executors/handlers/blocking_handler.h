#pragma once

#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>

#include "executors/handlers/handler_result.h"
#include "jobs/attempt.h"

namespace remuda {

// Runs attempts of one job type on threads: the body is ordinary code that may
// block. When the stop token fires it should return Stopped() soon; what
// happens to one that does not is the executor's business.
//
// Thread: Run() is called on many threads at once.
// Lifetime: outlives every Run().
class BlockingHandler {
 public:
  // What a thread keeps between attempts and never shares: a connection, a
  // parser, a session.
  class ThreadState {
   public:
    virtual ~ThreadState() = default;
  };

  virtual ~BlockingHandler() = default;

  // Called once a thread, before its first attempt of this type. Null: none.
  virtual std::unique_ptr<ThreadState> MakeThreadState() { return nullptr; }

  // `parameters` is the rendered `with:` as JSON text.
  virtual HandlerResult Run(const Attempt& attempt,
                            const std::string& parameters, ThreadState* state,
                            const std::stop_token& stop) = 0;
};

// By the name of the job type.
using BlockingHandlers =
    std::map<std::string, std::unique_ptr<BlockingHandler>, std::less<>>;

}  // namespace remuda
