// The API's threads and connections over a whole coordinator; what it says is
// tested by acceptance/api_test.py.

#include "coordinator/api/api_server.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/file_descriptor.h"
#include "coordinator/api/tokens.h"
#include "coordinator/server/coordinator_server.h"

namespace remuda {
namespace {

constexpr char kSpec[] =
    "apiVersion: remuda/v1\nkind: Job\nmetadata: {name: t}\n"
    "spec: {type: noop, tasks: {items: [1, 2, 3]}}\n";

// One connection, blocking.
class Caller {
 public:
  explicit Caller(const std::string& url)
      : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port =
        htons(static_cast<uint16_t>(std::stoi(url.substr(url.rfind(':') + 1))));
    CHECK_EQ(connect(fd_.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to)),
             0);
  }

  void Send(const std::string& text) {
    CHECK_EQ(send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL),
             static_cast<ssize_t>(text.size()));
  }

  // What has come until it holds `text`, or the end.
  std::string Until(const std::string& text) {
    char buffer[4'096];
    while (text.empty() || heard_.find(text) == std::string::npos) {
      const ssize_t size = read(fd_.get(), buffer, sizeof(buffer));
      if (size <= 0) break;
      heard_.append(buffer, static_cast<size_t>(size));
    }
    return std::exchange(heard_, "");
  }

 private:
  const UniqueFd fd_;
  std::string heard_;
};

std::string Get(const std::string& target, const std::string& more = "") {
  return "GET " + target + " HTTP/1.1\r\nHost: localhost\r\n" + more + "\r\n";
}

std::string Post(const std::string& spec) {
  return "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
         "application/yaml\r\nContent-Length: " +
         std::to_string(spec.size()) + "\r\n\r\n" + spec;
}

class ApiServerTest : public ::testing::Test {
 protected:
  ApiServerTest()
      : folder_(
            std::string(::testing::TempDir()) + "/api_" +
            ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(folder_);
    CoordinatorOptions options;
    options.data = folder_ + "/state";
    std::filesystem::create_directory(folder_);
    auto server = CoordinatorServer::Start(options, context_);
    CHECK_OK(server);
    server_ = *std::move(server);
  }
  ~ApiServerTest() override {
    api_.reset();
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  void Start(ApiOptions options) {
    options.address = "127.0.0.1:0";
    auto api = ApiServer::Start(options, server_->door(), server_->metrics());
    CHECK_OK(api);
    api_ = *std::move(api);
  }

  std::string folder_;
  WireContext context_;
  std::unique_ptr<CoordinatorServer> server_;
  std::unique_ptr<ApiServer> api_;
};

TEST_F(ApiServerTest, AnswersOneAfterTheOtherOnAConnection) {
  Start({});
  Caller caller(api_->url());
  caller.Send(Post(kSpec));
  EXPECT_NE(caller.Until("\"existed\":false}").find("202 Accepted"),
            std::string::npos);
  caller.Send(Get("/v1/jobs/1") + Get("/v1/jobs/2"));
  EXPECT_NE(caller.Until("there is no job 2").find("\"total\":3"),
            std::string::npos);
  caller.Send(Get("/v1/jobs/1", "Connection: close\r\n"));
  EXPECT_NE(caller.Until("").find("Connection: close"), std::string::npos);
}

TEST_F(ApiServerTest, ManyAtOnce) {
  Start({});
  std::vector<std::thread> threads;
  std::atomic<int> accepted = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      Caller caller(api_->url());
      for (int round = 0; round < 10; ++round) {
        caller.Send(Post(kSpec));
        const std::string heard = caller.Until("\"existed\"");
        if (heard.find("202") != std::string::npos) ++accepted;
        caller.Send(Get("/v1/jobs?limit=2"));
        caller.Until("}]}");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(accepted, 80);
}

TEST_F(ApiServerTest, AStreamHearsOfChangesAndEnds) {
  Start({.limits = {.heartbeat_interval = std::chrono::milliseconds(50)}});
  Caller caller(api_->url());
  caller.Send(Post(kSpec));
  caller.Until("\"existed\"");
  Caller watcher(api_->url());
  watcher.Send(Get("/v1/events?jobs=1"));
  EXPECT_NE(watcher.Until(": still here").find("\"state\":\"queued\""),
            std::string::npos);
  caller.Send(
      "POST /v1/jobs/1/cancel HTTP/1.1\r\nHost: localhost\r\n"
      "Content-Length: 0\r\n\r\n");
  const std::string rest = watcher.Until("");
  EXPECT_NE(rest.find("\"state\":\"cancelled\""), std::string::npos);
  EXPECT_NE(rest.find("event: end"), std::string::npos);
  EXPECT_TRUE(rest.ends_with("0\r\n\r\n"));
}

TEST_F(ApiServerTest, ATokenThatIsGoneEndsItsStream) {
  const std::string token = *Tokens::Make(folder_ + "/t", "eye", "operator");
  Start({.tokens = folder_ + "/t"});
  const std::string header = "Authorization: Bearer " + token + "\r\n";
  Caller caller(api_->url());
  std::string post = Post(kSpec);
  post.insert(post.find("Host:"), header);
  caller.Send(post);
  caller.Until("\"existed\"");
  Caller watcher(api_->url());
  watcher.Send(Get("/v1/events?jobs=1", header));
  watcher.Until("event: job");
  std::filesystem::remove(folder_ + "/t/eye.json");
  api_->Reload();
  EXPECT_EQ(watcher.Until("").find("event: end"), std::string::npos);
  caller.Send(Get("/v1/info", header));
  EXPECT_NE(caller.Until("\r\n\r\n").find("401"), std::string::npos);
}

TEST_F(ApiServerTest, WithTooManyTheOldestThatWaitGo) {
  Start({.limits = {.connections_max = 4}});
  Caller caller(api_->url());
  caller.Send(Post(kSpec));
  caller.Until("\"existed\"");
  Caller stream(api_->url());
  stream.Send(Get("/v1/events?jobs=1"));
  stream.Until("event: job");
  std::vector<std::unique_ptr<Caller>> idle;
  for (int i = 0; i < 20; ++i) {
    idle.push_back(std::make_unique<Caller>(api_->url()));
  }
  Caller last(api_->url());
  last.Send(Get("/v1/info"));
  EXPECT_NE(last.Until("durability").find("200 OK"), std::string::npos);
  EXPECT_EQ(idle[0]->Until(""), "") << "it was cut";
  last.Send(
      "POST /v1/jobs/1/cancel HTTP/1.1\r\nHost: localhost\r\n"
      "Content-Length: 0\r\n\r\n");
  EXPECT_NE(stream.Until("event: end").find("cancelled"), std::string::npos);
}

TEST_F(ApiServerTest, WhenAllAreBusyOneMoreIsToldSo) {
  Start({.limits = {.connections_max = 1}});
  Caller caller(api_->url());
  caller.Send(Post(kSpec));
  caller.Until("\"existed\"");
  caller.Send(Get("/v1/events?jobs=1"));
  caller.Until("event: job");
  EXPECT_NE(Caller(api_->url()).Until("").find("503"), std::string::npos);
}

TEST_F(ApiServerTest, BodiesTogetherHaveALimit) {
  Start({.limits = {.bodies_bytes_max = 100}});
  Caller caller(api_->url());
  caller.Send(Post(std::string(101, '#')));
  EXPECT_NE(caller.Until("").find("503 Service"), std::string::npos);
}

TEST_F(ApiServerTest, EndsAtAnyMoment) {
  for (int round = 0; round < 5; ++round) {
    Start({});
    Caller caller(api_->url());
    caller.Send(Post(kSpec));
    caller.Until("\"existed\"");
    Caller watcher(api_->url());
    watcher.Send(Get("/v1/events?jobs=1"));
    if (round > 0) watcher.Until("event: job");
    Caller asking(api_->url());
    asking.Send(Post(kSpec) + Get("/v1/jobs"));
    api_.reset();
    EXPECT_EQ(watcher.Until("").find("event: end"), std::string::npos);
  }
  // Also after the coordinator has stopped.
  Start({});
  Caller caller(api_->url());
  caller.Send(Get("/v1/info"));
  server_->Stop();
  EXPECT_TRUE(server_->Join().ok());
  api_.reset();
}

}  // namespace
}  // namespace remuda
