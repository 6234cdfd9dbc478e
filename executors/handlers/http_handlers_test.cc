#include "executors/handlers/http_handlers.h"

#include <sys/resource.h>

#include <algorithm>
#include <memory>
#include <string>

#include "executors/async/async_executor.h"
#include "executors/executor_contract_fixture.h"
#include "executors/handlers/async_handlers.h"
#include "executors/handlers/http_test_server.h"
#include "gtest/gtest.h"

namespace remuda {
namespace {

// http.* on the executor that they are for, against a server on loopback.
class HttpTest : public ExecutorContract {
 protected:
  HttpTest() { Make(2'000); }

  Attempt Crawl(const std::string& url, const std::string& more = "") {
    return Make("http.crawl", "{\"url\": \"" + url + "\"" + more + "}");
  }
  Attempt Fetch(const std::string& url, const std::string& more = "") {
    return Make("http.fetch", "{\"url\": \"" + url + "\"" + more + "}");
  }
  using ExecutorContract::Make;

  Outcome Run(const Attempt& attempt) {
    EXPECT_TRUE(Start({attempt}).ok());
    std::vector<Outcome> outcomes = Await(1);
    EXPECT_EQ(outcomes.size(), 1u);
    return outcomes.empty() ? Outcome() : std::move(outcomes[0]);
  }

  // What came of it, as one text to compare.
  std::string OutputOf(const Attempt& attempt) {
    const Outcome outcome = Run(attempt);
    return outcome.ending == Ending::kSucceeded ? outcome.output
                                                : "error: " + outcome.error;
  }
  std::string TitleOf(const std::string& path) {
    const std::string output = OutputOf(Crawl(server_.Url(path)));
    const size_t begin = output.find("\"title\":");
    if (begin == std::string::npos) return output;
    return output.substr(begin + 8, output.find(",\"links\"") - begin - 8);
  }

  HttpTestServer server_;
};

INSTANTIATE_TEST_SUITE_P(
    Async, HttpTest,
    testing::Values(ExecutorUnderTest{
        .name = "async",
        .make =
            [](size_t slots, const Clock& clock, Executor::Notify notify) {
              AsyncExecutorOptions options;
              options.slots = slots;
              return std::make_unique<AsyncExecutor>(
                  options, ShippedAsyncHandlers, clock, std::move(notify));
            },
    }));

TEST_P(HttpTest, CrawlRecordsTitleAndLinks) {
  server_.Page("/a/b.html",
               "<html><title> A  page\n&amp; more </title>"
               "<a href='c.html#here'>c</a><a href=/d>d</a>"
               "<a href='c.html'>again</a><a href='mailto:x@y'>mail</a>"
               "<a href='https://example.com/?q=1'>far</a></html>",
               "text/html; charset=utf-8");
  EXPECT_EQ(OutputOf(Crawl(server_.Url("/a/b.html"))),
            "{\"url\":\"" + server_.Url("/a/b.html") +
                "\",\"status\":200,\"bytes\":188,\"title\":\"A page & more\","
                "\"links\":[\"" +
                server_.Url("/a/c.html") + "\",\"" + server_.Url("/d") +
                "\",\"https://example.com/?q=1\"]}");
}

TEST_P(HttpTest, CountsBytesOfTheWire) {
  server_.Page("/", "<title>x</title>");
  const Outcome outcome = Run(Crawl(server_.Url("/")));
  EXPECT_GT(outcome.usage.bytes_in.value_or(0), 16u);
  EXPECT_GT(outcome.usage.bytes_out.value_or(0), 16u);
}

TEST_P(HttpTest, FollowsRedirectsAndReportsWhereItEnded) {
  server_.Answer("/old",
                 "HTTP/1.1 302 Found\r\nLocation: /new/page\r\n"
                 "Content-Length: 5\r\n\r\nmoved");
  server_.Page("/new/page", "<title>New</title><a href=next>n</a>");
  const std::string output = OutputOf(Crawl(server_.Url("/old")));
  EXPECT_NE(output.find(server_.Url("/new/page")), std::string::npos) << output;
  EXPECT_NE(output.find(server_.Url("/new/next")), std::string::npos) << output;
  EXPECT_NE(output.find("\"title\":\"New\""), std::string::npos) << output;
  const std::string unfollowed =
      OutputOf(Fetch(server_.Url("/old"), ", \"follow\": false"));
  EXPECT_NE(unfollowed.find("\"status\":302"), std::string::npos) << unfollowed;
}

TEST_P(HttpTest, EndlessRedirectsAreAnError) {
  server_.Answer("/loop",
                 "HTTP/1.1 301 Moved\r\nLocation: /loop\r\n"
                 "Content-Length: 0\r\n\r\n");
  EXPECT_EQ(
      OutputOf(Crawl(server_.Url("/loop"))),
      "error: more than 5 redirects, the last one to " + server_.Url("/loop"));
}

TEST_P(HttpTest, AnHttpErrorKeepsItsOutput) {
  const Outcome outcome = Run(Crawl(server_.Url("/none")));
  EXPECT_EQ(outcome.ending, Ending::kError);
  EXPECT_EQ(outcome.error, "HTTP 404 Not Found");
  EXPECT_NE(outcome.output.find("\"status\":404"), std::string::npos);
  EXPECT_EQ(Run(Fetch(server_.Url("/none"), ", \"fail_on\": 500")).ending,
            Ending::kSucceeded);
}

TEST_P(HttpTest, UndoesGzip) {
  const std::string gzip(
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xb3\x29\xc9\x2c\xc9\x49\xb5"
      "\x0b\x2e\x2c\x4d\x4d\xad\x4a\x4d\xb1\xd1\x87\xf0\x01\x13\x13\xbf\x44"
      "\x17\x00\x00\x00",
      38);
  server_.Answer("/gzip",
                 "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
                 "Content-Encoding: gzip\r\nContent-Length: 38\r\n\r\n" +
                     gzip);
  EXPECT_EQ(TitleOf("/gzip"), "\"Squeezed\"");
}

TEST_P(HttpTest, ReadsChunks) {
  server_.Answer("/chunks",
                 "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n"
                 "9\r\n<title>In\r\n10\r\n pieces</title>\n\r\n0\r\n\r\n");
  EXPECT_EQ(TitleOf("/chunks"), "\"In pieces\"");
}

TEST_P(HttpTest, RefusesTooLargeBodies) {
  const std::string huge(9 << 20, 'x');
  server_.Page("/huge", huge);
  EXPECT_EQ(OutputOf(Crawl(server_.Url("/huge"))),
            "error: the answer is larger than 8388608 bytes (`max_bytes`)");
  // Also when nothing says so beforehand.
  server_.Answer("/stream",
                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "A00000\r\n" +
                     std::string(0xA00000, 'y') + "\r\n0\r\n\r\n");
  EXPECT_EQ(OutputOf(Fetch(server_.Url("/stream"), ", \"max_bytes\": 1000")),
            "error: the answer is larger than 1000 bytes (`max_bytes`)");
}

TEST_P(HttpTest, ReadsOtherCharsets) {
  server_.Page("/latin1", "<title>caf\xe9 \x80</title>",
               "text/html; charset=ISO-8859-1");
  EXPECT_EQ(TitleOf("/latin1"), "\"caf\xc3\xa9 \xe2\x82\xac\"");
  server_.Page("/meta",
               "<meta charset=\"koi8-r\"><title>\xf4\xc5\xd3\xd4</title>");
  EXPECT_EQ(TitleOf("/meta"), "\"\xd0\xa2\xd0\xb5\xd1\x81\xd1\x82\"");
  server_.Page("/bad", "<title>a\xff\xfe z</title>",
               "text/html; charset=nonsense-9");
  EXPECT_EQ(TitleOf("/bad"), "\"a\xef\xbf\xbd\xef\xbf\xbd z\"");
}

TEST_P(HttpTest, OnlyHtmlHasTitleAndLinks) {
  server_.Page("/data", "<title>no</title>", "application/json");
  EXPECT_EQ(TitleOf("/data"), "null");
}

TEST_P(HttpTest, ReadsLargePagesBesideTheLoop) {
  std::string page = "<title>Large</title>";
  for (int i = 0; i < 20'000; ++i)
    page += "<p><a href='/" + std::to_string(i) + "'>link</a>";
  ASSERT_GT(page.size(), kInlinePageBytes);
  server_.Page("/large", page);
  const std::string output = OutputOf(Crawl(server_.Url("/large")));
  EXPECT_NE(output.find("\"title\":\"Large\""), std::string::npos);
  EXPECT_NE(output.find("/99\"]"), std::string::npos) << "at most 100 links";
}

TEST_P(HttpTest, ReportsARefusedConnection) {
  EXPECT_EQ(OutputOf(Crawl("http://127.0.0.1:9/")),
            "error: connection refused by 127.0.0.1:9");
}

TEST_P(HttpTest, ReportsAConnectionThatBreaks) {
  server_.Answer("/close", HttpTestServer::kClose);
  EXPECT_NE(OutputOf(Crawl(server_.Url("/close")))
                .find("closed the connection without an answer"),
            std::string::npos);
}

TEST_P(HttpTest, RefusesWhatIsNotHttp) {
  EXPECT_EQ(OutputOf(Crawl("file:///etc/passwd")),
            "error: only http:// and https:// can be fetched, not file://");
  EXPECT_EQ(OutputOf(Crawl("http://")), "error: not a valid URL: http://");
  EXPECT_EQ(OutputOf(Crawl("")), "error: `url` is missing");
}

TEST_P(HttpTest, StopsAHangingRequest) {
  server_.Answer("/hang", HttpTestServer::kHang);
  const Attempt asked = Crawl(server_.Url("/hang"));
  const Attempt forced = Crawl(server_.Url("/hang"));
  ASSERT_TRUE(Start({asked, forced}).ok());
  server_.AwaitRequests(2);
  executor_->Cancel(asked.id, CancelMode::kAsk);
  executor_->Cancel(forced.id, CancelMode::kForce);
  const std::vector<Outcome> outcomes = Await(2);
  ASSERT_EQ(outcomes.size(), 2u);
  EXPECT_EQ(outcomes[0].ending, Ending::kCancelled);
  EXPECT_EQ(outcomes[1].ending, Ending::kCancelled);
  server_.Page("/", "<title>still here</title>");
  EXPECT_EQ(TitleOf("/"), "\"still here\"");
}

TEST_P(HttpTest, DestructionWithRequestsInFlight) {
  server_.Answer("/hang", HttpTestServer::kHang);
  std::vector<Attempt> batch;
  for (int i = 0; i < 50; ++i) batch.push_back(Crawl(server_.Url("/hang")));
  ASSERT_TRUE(Start(batch).ok());
  server_.AwaitRequests(50);
  executor_.reset();
  EXPECT_EQ(notifications(), 0);
}

TEST_P(HttpTest, KeepsConnections) {
  server_.Page("/", "<title>x</title>");
  for (int i = 0; i < 20; ++i) Run(Crawl(server_.Url("/")));
  EXPECT_EQ(server_.requests(), 20u);
  EXPECT_EQ(server_.connections(), 1u);
}

TEST_P(HttpTest, FiveThousandAtOnce) {
  rlimit files;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
  files.rlim_cur = std::min<rlim_t>(files.rlim_max, 12'000);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
  if (files.rlim_cur < 12'000) GTEST_SKIP() << "too few descriptors";
  Make(10'000);  // reads the limit anew
  constexpr size_t kRequests = 5'000;
  // Larger than what is read in one step, by the first or by the last.
  server_.Page("/together",
               "<title>all</title>" + std::string(5'000, ' ') + "<p>end");
  // No answer before all are there: they hang unless they are in flight at
  // the same time.
  server_.HoldUntil("/together", kRequests);
  std::vector<Attempt> batch(kRequests, Crawl(server_.Url("/together")));
  for (Attempt& attempt : batch) attempt.id.task = next_task_++;
  ASSERT_TRUE(Start(batch).ok());
  const std::vector<Outcome> outcomes = Await(kRequests);
  ASSERT_EQ(outcomes.size(), kRequests);
  for (const Outcome& outcome : outcomes) {
    EXPECT_EQ(outcome.ending, Ending::kSucceeded) << outcome.error;
  }
}

TEST_P(HttpTest, FetchSendsWhatItIsTold) {
  server_.Answer("/echo", HttpTestServer::kEcho);
  const std::string output =
      OutputOf(Fetch(server_.Url("/echo"),
                     ", \"method\": \"PUT\", \"body\": \"a=1\","
                     " \"headers\": {\"X-One\": \"two\", \"X-None\": \"\"}"));
  EXPECT_NE(output.find("PUT /echo HTTP/1.1"), std::string::npos) << output;
  EXPECT_NE(output.find("X-One: two"), std::string::npos) << output;
  EXPECT_NE(output.find("X-None:"), std::string::npos) << output;
  EXPECT_NE(output.find("\\r\\n\\r\\na=1"), std::string::npos) << output;
  EXPECT_NE(output.find("\"content_type\":\"text/plain\""), std::string::npos);
}

TEST_P(HttpTest, FetchRefusesSmuggledHeaders) {
  const std::string url = server_.Url("/");
  EXPECT_EQ(OutputOf(Fetch(url, ", \"headers\": {\"A\": \"b\\r\\nC: d\"}")),
            "error: not a valid HTTP header");
  EXPECT_NE(OutputOf(Fetch(url, ", \"method\": \"GET / HTTP/1.1\""))
                .find("`method` must be"),
            std::string::npos);
  EXPECT_EQ(server_.requests(), 0u);
}

TEST_P(HttpTest, FetchBodiesThatAreNotText) {
  server_.Page("/bytes", std::string("\xff\x00\x01z", 4), "image/png");
  EXPECT_NE(OutputOf(Fetch(server_.Url("/bytes")))
                .find("\"body\":{\"base64\":\"/wABeg==\"}"),
            std::string::npos);
  server_.Page("/much", std::string(200'000, 'm'), "text/plain");
  const std::string output = OutputOf(Fetch(server_.Url("/much")));
  EXPECT_NE(output.find("\"body\":null,\"body_omitted\""), std::string::npos);
  EXPECT_NE(output.find("\"bytes\":200000"), std::string::npos);
}

}  // namespace
}  // namespace remuda
