#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "executors/handlers/byte_budget.h"

namespace boost::asio {
class io_context;
class any_io_executor;
template <typename T, typename Executor>
class awaitable;
}  // namespace boost::asio

namespace remuda {

struct HttpRequest {
  std::string url;
  std::string method = "GET";
  std::vector<std::pair<std::string, std::string>> headers;
  std::optional<std::string> body;
  bool follow = true;  // redirects
  uint64_t bytes_max = 8 << 20;
  // Without a single byte; longer if the attempt itself may take longer.
  Duration silence_max = std::chrono::seconds(60);
};

struct HttpResponse {
  std::string url;  // after redirects
  int status = 0;
  std::string content_type;
  std::string body;       // decompressed
  uint64_t bytes_in = 0;  // on the wire, as bytes_out
  uint64_t bytes_out = 0;
  ByteLease held;  // for the body
};

struct HttpClientLimits {
  // Further requests wait for one. Fewer where the process may open fewer.
  size_t connections = 65'536;
  uint64_t buffered = 512ull << 20;  // bytes of all bodies together
};

// Makes HTTP requests on an event loop, any number at once, over kept
// connections. Proxies come from the environment, except for loopback.
//
// Thread: confined to its loop.
// Lifetime: requests may outlive it.
class HttpClient {
 public:
  explicit HttpClient(boost::asio::io_context& loop,
                      HttpClientLimits limits = {});
  ~HttpClient();

  // Any answer is OK, whatever its status.
  // Errors: InvalidArgument for a request that can never work; Cancelled if
  // the coroutine was asked to stop; Unavailable otherwise, with a text that
  // says what went wrong and where.
  boost::asio::awaitable<absl::StatusOr<HttpResponse>,
                         boost::asio::any_io_executor>
  Send(HttpRequest request);

 private:
  class Core;
  // Shared with requests that are being destroyed after it.
  const std::shared_ptr<Core> core_;
};

}  // namespace remuda
