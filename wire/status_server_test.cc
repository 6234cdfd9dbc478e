#include "wire/status_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <vector>

#include "base/file_descriptor.h"
#include "wire/metrics.h"

namespace remuda {
namespace {

UniqueFd Dial(const StatusServer& server) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const std::string& text = server.address();
  address.sin_port =
      htons(static_cast<uint16_t>(std::stoi(text.substr(text.rfind(':') + 1))));
  EXPECT_EQ(
      connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)),
      0);
  return fd;
}

// All that comes until the other side closes.
std::string ReadAll(const UniqueFd& fd) {
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t size = read(fd.get(), buffer, sizeof(buffer));
    if (size <= 0) return text;
    text.append(buffer, static_cast<size_t>(size));
  }
}

std::string Ask(const StatusServer& server, const std::string& request) {
  const UniqueFd fd = Dial(server);
  // A server that has refused a long request may have closed already.
  (void)send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);
  return ReadAll(fd);
}

std::string Get(const StatusServer& server, const std::string& path) {
  return Ask(server, "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
}

class StatusServerTest : public testing::Test {
 protected:
  StatusServerTest() {
    auto server = StatusServer::Start(
        "127.0.0.1:0", {.metrics = [this] { return metrics_.Serialize(); },
                        .live = [] { return absl::OkStatus(); },
                        .ready =
                            [this] {
                              return ready_ ? absl::OkStatus()
                                            : absl::UnavailableError(
                                                  "still reading the store");
                            }});
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  Metrics metrics_{"agent", "1.0"};
  std::atomic<bool> ready_ = false;
  std::unique_ptr<StatusServer> server_;
};

TEST_F(StatusServerTest, ServesMetricsInTheRightType) {
  const std::string answer = Get(*server_, "/metrics?x=1");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_NE(answer.find("Content-Type: text/plain; version=0.0.4; "
                        "charset=utf-8\r\n"),
            std::string::npos);
  EXPECT_NE(answer.find("\nremuda_build_info{"), std::string::npos);
}

TEST_F(StatusServerTest, ProbesSayWhatIsWrong) {
  EXPECT_TRUE(Get(*server_, "/livez").starts_with("HTTP/1.1 200"));
  const std::string not_ready = Get(*server_, "/readyz");
  EXPECT_TRUE(not_ready.starts_with("HTTP/1.1 503"));
  EXPECT_TRUE(not_ready.ends_with("\r\n\r\nstill reading the store\n"));
  ready_ = true;
  EXPECT_TRUE(Get(*server_, "/readyz").ends_with("\r\n\r\nok\n"));
}

TEST_F(StatusServerTest, RefusesAllElse) {
  EXPECT_TRUE(Get(*server_, "/").starts_with("HTTP/1.1 404"));
  EXPECT_TRUE(Get(*server_, "/metrics/").starts_with("HTTP/1.1 404"));
  const std::string post =
      Ask(*server_,
          "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
  EXPECT_TRUE(post.starts_with("HTTP/1.1 405")) << post;
  EXPECT_NE(post.find("Allow: GET\r\n"), std::string::npos);
  EXPECT_TRUE(Ask(*server_,
                  "POST /metrics HTTP/1.1\r\nHost: x\r\n"
                  "Content-Length: 5\r\n\r\nhello")
                  .starts_with("HTTP/1.1 413"));
  EXPECT_TRUE(Ask(*server_, "nonsense\r\n\r\n").starts_with("HTTP/1.1 400"));
}

TEST_F(StatusServerTest, LongRequestsAreCutOff) {
  const std::string answer =
      Ask(*server_, "GET /livez HTTP/1.1\r\nX: " +
                        std::string(StatusServer::kRequestBytesMax, 'x'));
  EXPECT_TRUE(answer.empty() || answer.starts_with("HTTP/1.1 431")) << answer;
  EXPECT_TRUE(Get(*server_, "/livez").starts_with("HTTP/1.1 200"));
}

TEST_F(StatusServerTest, SlowClientsAreDroppedAndOthersGetTheirTurn) {
  // As many as are served at once, none of which ever finishes its request.
  std::vector<UniqueFd> slow;
  for (size_t i = 0; i < StatusServer::kConnectionsMax; ++i) {
    slow.push_back(Dial(*server_));
    ASSERT_EQ(send(slow.back().get(), "GET", 3, MSG_NOSIGNAL), 3);
  }
  EXPECT_TRUE(Get(*server_, "/livez").starts_with("HTTP/1.1 200"));
  for (const UniqueFd& fd : slow) EXPECT_EQ(ReadAll(fd), "");
}

TEST_F(StatusServerTest, EndsWithConnectionsOpen) {
  const UniqueFd fd = Dial(*server_);
  ASSERT_EQ(send(fd.get(), "GET", 3, MSG_NOSIGNAL), 3);
  server_.reset();
  EXPECT_EQ(ReadAll(fd), "");
}

TEST_F(StatusServerTest, SaysThatAPortIsTaken) {
  auto second = StatusServer::Start(server_->address(), {});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_NE(second.status().message().find(server_->address()),
            std::string::npos);
}

TEST(StatusServer, SaysThatAnAddressIsNone) {
  for (const char* address : {"", "9100", "127.0.0.1", "127.0.0.1:x",
                              "127.0.0.1:70000", "nowhere.example:1", ":::1"}) {
    EXPECT_EQ(StatusServer::Start(address, {}).status().code(),
              absl::StatusCode::kInvalidArgument)
        << address;
  }
  auto server = StatusServer::Start("localhost:0", {});
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_TRUE(Get(**server, "/readyz").starts_with("HTTP/1.1 200"));
}

}  // namespace
}  // namespace remuda
