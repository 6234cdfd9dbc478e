#include "executors/handlers/http_client.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "executors/handlers/http_test_server.h"
#include "gtest/gtest.h"

namespace remuda {
namespace {

namespace asio = boost::asio;
using std::chrono_literals::operator""ms;

// The client's own limits, which no job can set.
class HttpClientTest : public testing::Test {
 protected:
  // Sends all at once; the answers in the order of the requests.
  std::vector<absl::StatusOr<HttpResponse>> SendAll(
      HttpClient& client, const std::vector<HttpRequest>& requests) {
    std::vector<absl::StatusOr<HttpResponse>> answers(requests.size());
    size_t left = requests.size();
    for (size_t i = 0; i < requests.size(); ++i) {
      asio::co_spawn(loop_, client.Send(requests[i]),
                     [&, i](const std::exception_ptr& thrown,
                            absl::StatusOr<HttpResponse> answer) {
                       EXPECT_FALSE(thrown);
                       answers[i] = std::move(answer);
                       if (--left == 0) loop_.stop();
                     });
    }
    loop_.run();
    loop_.restart();
    return answers;
  }

  HttpRequest Get(const std::string& path) {
    HttpRequest request;
    request.url = server_.Url(path);
    return request;
  }

  HttpTestServer server_;
  asio::io_context loop_;
};

TEST_F(HttpClientTest, SilenceEndsARequest) {
  server_.Answer("/hang", HttpTestServer::kHang);
  HttpClient client(loop_);
  HttpRequest request = Get("/hang");
  request.silence_max = std::chrono::seconds(1);
  const auto answers = SendAll(client, {request});
  const std::string error(answers[0].status().message());
  EXPECT_NE(error.find("no answer from 127.0.0.1:"), std::string::npos);
  EXPECT_NE(error.find(" within 1 s"), std::string::npos) << error;
}

TEST_F(HttpClientTest, BodiesTogetherAreBounded) {
  server_.Page("/", std::string(4'000, 'b'));
  HttpClient client(loop_, {.connections = 8, .buffered = 10'000});
  int refused = 0;
  {
    const auto answers =
        SendAll(client, {Get("/"), Get("/"), Get("/"), Get("/")});
    for (const auto& answer : answers) {
      if (answer.ok()) continue;
      ++refused;
      EXPECT_NE(std::string(answer.status().message()).find("`concurrency`"),
                std::string::npos);
    }
    EXPECT_EQ(refused, 2);
  }
  // What is no longer held counts no more.
  EXPECT_TRUE(SendAll(client, {Get("/")})[0].ok());
}

TEST_F(HttpClientTest, RequestsWaitForAConnection) {
  server_.Page("/", "x");
  HttpClient client(loop_, {.connections = 1});
  std::vector<HttpRequest> requests(40, Get("/"));
  for (const auto& answer : SendAll(client, requests)) {
    EXPECT_TRUE(answer.ok()) << answer.status();
  }
  EXPECT_EQ(server_.connections(), 1u);
}

TEST_F(HttpClientTest, KeptConnectionsAreUsedBeforeNewOnes) {
  constexpr size_t kRequests = 50;
  server_.Page("/together", "x");
  server_.HoldUntil("/together", kRequests);
  HttpClient client(loop_);
  const std::vector<HttpRequest> requests(kRequests, Get("/together"));
  for (int round = 0; round < 3; ++round) {
    for (const auto& answer : SendAll(client, requests)) {
      EXPECT_TRUE(answer.ok()) << answer.status();
    }
    EXPECT_EQ(server_.connections(), kRequests) << round;
  }
}

TEST_F(HttpClientTest, AFreeConnectionGoesToWhoWaitsForOne) {
  server_.Page("/", "x");
  HttpClient client(loop_, {.connections = 4});
  const std::vector<HttpRequest> requests(200, Get("/"));
  for (const auto& answer : SendAll(client, requests)) {
    EXPECT_TRUE(answer.ok()) << answer.status();
  }
  EXPECT_EQ(server_.connections(), 4u);
}

TEST_F(HttpClientTest, NothingOfARequestIsLeftForTheNext) {
  server_.Answer("/", HttpTestServer::kEcho);
  server_.Answer(
      "/moved",
      "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n");
  HttpClient client(loop_);
  const auto echo = [&](const HttpRequest& request) {
    const auto answers = SendAll(client, {request});
    const auto& answer = answers[0];
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? answer->body : "";
  };
  const std::string plain = echo(Get("/"));
  HttpRequest special = Get("/");
  special.method = "PUT";
  special.body = "text";
  special.headers = {{"X-Name", "value"}};
  EXPECT_NE(echo(special), plain);
  EXPECT_EQ(echo(Get("/")), plain);
  HttpRequest named = Get("/");
  named.url.insert(named.url.find("//") + 2, "user:word@");
  EXPECT_NE(echo(named), plain);
  EXPECT_EQ(echo(Get("/")), plain);
  EXPECT_EQ(echo(Get("/moved")), plain);
  EXPECT_EQ(echo(Get("/")), plain);
  HttpRequest small = Get("/");
  small.bytes_max = 1;
  EXPECT_FALSE(SendAll(client, {small})[0].ok());
  HttpRequest stays = Get("/moved");
  stays.follow = false;
  EXPECT_EQ(SendAll(client, {stays})[0]->status, 302);
  EXPECT_EQ(echo(Get("/moved")), plain);
}

// What is on this machine is asked without the proxy, whatever went before.
TEST_F(HttpClientTest, TheProxyIsForOtherMachines) {
  server_.Page("/", "x");
  setenv("http_proxy", "http://127.0.0.1:1", 1);
  HttpClient client(loop_);
  HttpRequest away;
  away.url = "http://example.invalid/";
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(SendAll(client, {Get("/")})[0].ok());
    const auto answers = SendAll(client, {away});
    ASSERT_FALSE(answers[0].ok());
    EXPECT_EQ(answers[0].status().message().find("resolve"), std::string::npos)
        << answers[0].status();
  }
  unsetenv("http_proxy");
}

TEST_F(HttpClientTest, AKeptConnectionThatEndsCostsOneLook) {
  auto other = std::make_unique<HttpTestServer>();
  other->Page("/", "x");
  HttpClient client(loop_);
  HttpRequest request;
  request.url = other->Url("/");
  for (int round = 0; round < 3; ++round) {
    EXPECT_TRUE(SendAll(client, {request})[0].ok());
  }
  EXPECT_EQ(other->connections(), 1u);
  other.reset();
  // Not again and again because its descriptor stays readable.
  size_t handlers = 0;
  while (handlers < 100 && loop_.run_one_for(100ms) > 0) ++handlers;
  EXPECT_LT(handlers, 100u);
  EXPECT_FALSE(SendAll(client, {request})[0].ok());
  server_.Page("/", "x");
  EXPECT_TRUE(SendAll(client, {Get("/")})[0].ok());
}

TEST_F(HttpClientTest, ConnectionsThatTheServerClosedAreNotUsed) {
  server_.Answer("/", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
  server_.Answer("/bye", HttpTestServer::kClose);
  HttpClient client(loop_);
  for (int round = 1; round < 4; ++round) {
    // The second finds the connection of the first, and ends it.
    EXPECT_TRUE(SendAll(client, {Get("/")})[0].ok());
    EXPECT_FALSE(SendAll(client, {Get("/bye")})[0].ok());
  }
  EXPECT_TRUE(SendAll(client, {Get("/")})[0].ok());
}

}  // namespace
}  // namespace remuda
