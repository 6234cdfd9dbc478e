#include "executors/handlers/http_handlers.h"

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "executors/handlers/charset.h"
#include "executors/handlers/html_page.h"
#include "executors/handlers/http_client.h"
#include "executors/handlers/http_error.h"
#include "executors/handlers/http_json.h"
#include "executors/handlers/loop_event.h"

namespace remuda {
namespace {

namespace asio = boost::asio;

HandlerResult ToResult(const absl::Status& status) {
  if (status.code() == absl::StatusCode::kCancelled) return Stopped();
  return Failed(std::string(status.message()));
}

// An answer with its output, which fails from the status `fail_on`.
HandlerResult Answer(const HttpResponse& response, int fail_on,
                     std::string output) {
  HandlerResult result;
  if (response.status >= fail_on) {
    result = Failed("HTTP " + HttpStatusText(response.status));
  }
  result.output = std::move(output);
  result.bytes_in = response.bytes_in;
  result.bytes_out = response.bytes_out;
  return result;
}

// An attempt that may take longer than the silence limit may be silent so
// long.
void AllowSilence(const Attempt& attempt, HttpRequest& request) {
  request.silence_max =
      std::max(request.silence_max, attempt.work->job.timeout);
}

bool IsHtml(const std::string& content_type) {
  std::string type = content_type.substr(0, content_type.find(';'));
  std::transform(type.begin(), type.end(), type.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  while (!type.empty() && type.back() == ' ') type.pop_back();
  return type.empty() || type == "text/html" || type == "application/xhtml+xml";
}

class FetchHandler : public AsyncHandler {
 public:
  explicit FetchHandler(std::shared_ptr<HttpClient> client)
      : client_(std::move(client)) {}

  HandlerCoroutine Run(const Attempt& attempt, std::string text) override {
    absl::StatusOr<FetchParameters> parameters = ParseFetchParameters(text);
    if (!parameters.ok()) co_return ToResult(parameters.status());
    AllowSilence(attempt, parameters->request);
    const int fail_on = parameters->fail_on;
    const absl::StatusOr<HttpResponse> response =
        co_await client_->Send(std::move(parameters->request));
    if (!response.ok()) co_return ToResult(response.status());
    co_return Answer(*response, fail_on, FetchOutput(*response));
  }

 private:
  const std::shared_ptr<HttpClient> client_;
};

// A page that is being read. Shared by the coroutine, which may be gone before
// it has been, and the thread.
struct Reading {
  Reading(HttpResponse answer, size_t links_max,
          const asio::any_io_executor& executor)
      : response(std::move(answer)), done(executor) {
    limits.links = links_max;
  }

  void Read() {
    bytes = response.body.size();
    if (!IsHtml(response.content_type)) return;
    page =
        ParseHtml(PageToUtf8(std::move(response.body), response.content_type),
                  response.url, limits);
  }

  HttpResponse response;
  HtmlLimits limits;
  size_t bytes = 0;
  absl::StatusOr<HtmlPage> page = HtmlPage();
  LoopEvent done;  // the loop's, not the thread's
};

class CrawlHandler : public AsyncHandler {
 public:
  explicit CrawlHandler(std::shared_ptr<HttpClient> client)
      : client_(std::move(client)) {}

  ~CrawlHandler() override {
    reader_.stop();  // what is being read is, what waits is not
    reader_.join();
  }

  HandlerCoroutine Run(const Attempt& attempt, std::string text) override {
    absl::StatusOr<CrawlParameters> parameters = ParseCrawlParameters(text);
    if (!parameters.ok()) co_return ToResult(parameters.status());
    AllowSilence(attempt, parameters->request);
    const size_t links_max = parameters->links_max;
    absl::StatusOr<HttpResponse> response =
        co_await client_->Send(std::move(parameters->request));
    if (!response.ok()) co_return ToResult(response.status());
    const asio::any_io_executor loop = co_await asio::this_coro::executor;
    const auto reading =
        std::make_shared<Reading>(*std::move(response), links_max, loop);
    if (reading->response.body.size() <= kInlinePageBytes) {
      reading->Read();
    } else {
      // Bounded by what the client lets bodies hold.
      asio::post(reader_, [mine = reading, loop]() mutable {
        mine->Read();
        Reading& read = *mine;
        // Moved back, so that the thread is never the last to hold it.
        asio::post(loop,
                   [theirs = std::move(mine), &read] { read.done.Set(); });
      });
      if (!co_await reading->done.Wait()) co_return Stopped();
    }
    if (!reading->page.ok()) co_return ToResult(reading->page.status());
    const HttpResponse& answer = reading->response;
    co_return Answer(
        answer, 400,
        CrawlOutput(answer.url, answer.status, reading->bytes, *reading->page));
  }

 private:
  const std::shared_ptr<HttpClient> client_;
  asio::thread_pool reader_{1};
};

}  // namespace

std::unique_ptr<AsyncHandler> MakeHttpFetchHandler(
    std::shared_ptr<HttpClient> client) {
  return std::make_unique<FetchHandler>(std::move(client));
}

std::unique_ptr<AsyncHandler> MakeHttpCrawlHandler(
    std::shared_ptr<HttpClient> client) {
  return std::make_unique<CrawlHandler>(std::move(client));
}

}  // namespace remuda
