#include "executors/handlers/async_handlers.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "executors/handlers/http_client.h"
#include "executors/handlers/http_handlers.h"
#include "executors/handlers/sleep_parameters.h"

namespace remuda {
namespace {

namespace asio = boost::asio;

class NoopHandler : public AsyncHandler {
 public:
  std::optional<HandlerResult> TryAtOnce(const Attempt&,
                                         const std::string&) override {
    return HandlerResult();
  }

  HandlerCoroutine Run(const Attempt&, std::string) override {
    co_return HandlerResult();
  }
};

class SleepHandler : public AsyncHandler {
 public:
  HandlerCoroutine Run(const Attempt&, std::string parameters) override {
    const absl::StatusOr<Duration> duration = ParseSleepParameters(parameters);
    if (!duration.ok()) {
      co_return Failed(std::string(duration.status().message()));
    }
    asio::steady_timer timer(co_await asio::this_coro::executor, *duration);
    co_await timer.async_wait(asio::use_awaitable);
    co_return HandlerResult();
  }
};

}  // namespace

AsyncHandlers ShippedAsyncHandlers(asio::io_context& loop) {
  AsyncHandlers handlers;
  const auto client = std::make_shared<HttpClient>(loop);
  handlers["http.crawl"] = MakeHttpCrawlHandler(client);
  handlers["http.fetch"] = MakeHttpFetchHandler(client);
  handlers["noop"] = std::make_unique<NoopHandler>();
  handlers["sleep"] = std::make_unique<SleepHandler>();
  return handlers;
}

}  // namespace remuda
