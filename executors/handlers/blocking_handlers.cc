#include "executors/handlers/blocking_handlers.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "executors/handlers/sleep_parameters.h"
#include "executors/handlers/vector_handler.h"

namespace remuda {
namespace {

class NoopHandler : public BlockingHandler {
 public:
  HandlerResult Run(const Attempt&, const std::string&, ThreadState*,
                    const std::stop_token&) override {
    return {};
  }
};

// Sleeps on the thread, as code that nobody wants to rewrite would.
class SleepHandler : public BlockingHandler {
 public:
  HandlerResult Run(const Attempt&, const std::string& parameters, ThreadState*,
                    const std::stop_token& stop) override {
    const absl::StatusOr<Duration> duration = ParseSleepParameters(parameters);
    if (!duration.ok()) return Failed(std::string(duration.status().message()));
    // base/mutex.h has no wait that a stop token ends.
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, stop, *duration, [] { return false; });
    return stop.stop_requested() ? Stopped() : HandlerResult();
  }
};

}  // namespace

BlockingHandlers ShippedBlockingHandlers() {
  BlockingHandlers handlers;
  handlers["noop"] = std::make_unique<NoopHandler>();
  handlers["sleep"] = std::make_unique<SleepHandler>();
  handlers["vector.axpb"] = MakeVectorHandler();
  return handlers;
}

}  // namespace remuda
