#include "agent/agent_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "agent/fake_coordinator.h"
#include "base/event_loop.h"
#include "base/file_descriptor.h"
#include "executors/handlers/blocking_handlers.h"
#include "executors/thread_pool/thread_pool_executor.h"
#include "jobs/job.h"
#include "jobs/job_json.h"

namespace remuda {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// One request, the whole answer; empty if there is none.
std::string Get(const std::string& address, const std::string& path) {
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(
      static_cast<uint16_t>(std::stoi(address.substr(address.find(':') + 1))));
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0) {
    return "";
  }
  const std::string request =
      "GET " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  if (write(fd.get(), request.data(), request.size()) < 0) return "";
  std::string answer;
  char bytes[4096];
  while (true) {
    const ssize_t count = read(fd.get(), bytes, sizeof(bytes));
    if (count <= 0) return answer;
    answer.append(bytes, static_cast<size_t>(count));
  }
}

// The coordinator's loop is the test's; the agent has its own.
class AgentServerTest : public testing::Test {
 protected:
  static constexpr Duration kPatience = std::chrono::seconds(60);

  AgentServerTest() : loop_(clock_) {
    // Not the test's own folder, whose path is too long for a socket.
    std::string folder = "/tmp/remuda_XXXXXX";
    folder_ = mkdtemp(folder.data());
    coordinator_ = std::make_unique<FakeCoordinator>(
        context_, loop_, "ipc://" + folder_ + "/socket", Term{1});
    loop_.AddTurnEnd([this] {
      if (condition_ && condition_()) loop_.Stop();
    });
  }

  AgentOptions Options() {
    AgentOptions options;
    options.version = "1";
    options.coordinator = coordinator_->endpoint();
    options.labels = {{"zone", "a"}};
    options.data_folder = folder_ + "/data/agent";
    options.executors = {[](const ExecutorSurroundings& surroundings)
                             -> absl::StatusOr<ExecutorEntry> {
      ExecutorEntry entry;
      entry.executor = std::make_unique<ThreadPoolExecutor>(
          ThreadPoolOptions{.slots = 8}, ShippedBlockingHandlers(),
          *surroundings.clock, surroundings.notify);
      entry.job_types = {"noop", "sleep"};
      return entry;
    }};
    return options;
  }

  ~AgentServerTest() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] bool RunUntil(std::function<bool()> condition) {
    condition_ = std::move(condition);
    Tick();
    bool in_time = true;
    const TimerId limit = loop_.RunAfter(kPatience, [this, &in_time] {
      in_time = false;
      loop_.Stop();
    });
    loop_.Run();
    loop_.CancelTimer(limit);
    condition_ = nullptr;
    return in_time;
  }

  Grant Noops(uint64_t count) {
    Job job;
    job.name = "n";
    job.type = "noop";
    job.tasks.kind = TaskSource::Kind::kRange;
    job.tasks.written = TaskSource::Written::kRange;
    job.tasks.to = static_cast<int64_t>(count) - 1;
    return {.sequence = 1,
            .definitions = {{.job = {1}, .job_json = JobToJson(job)}},
            .ranges = {{.job = {1},
                        .executor = ExecutorKind::kThreadPool,
                        .tasks = {0, count},
                        .fence = {1}}}};
  }

  uint64_t Ended() {
    uint64_t ended = 0;
    for (const Results& message : coordinator_->results) {
      for (const EndedBatch& batch : message.batches) {
        for (const EndingRun& run : batch.runs) {
          // A slow machine hands back what has waited for long.
          EXPECT_EQ(run.ending,
                    run.started ? Ending::kSucceeded : Ending::kEvicted);
          ended += run.tasks.count;
        }
      }
    }
    return ended;
  }

  SystemClock clock_;
  WireContext context_;
  EventLoop loop_;
  std::string folder_;
  std::unique_ptr<FakeCoordinator> coordinator_;

 private:
  // Another turn soon, for conditions that come true behind the hook.
  void Tick() {
    loop_.RunAfter(std::chrono::milliseconds(2), [this] {
      if (condition_) Tick();
    });
  }

  std::function<bool()> condition_;
};

TEST_F(AgentServerTest, EachStartIsTheNextOfOneInstance) {
  for (uint32_t start = 1; start <= 2; ++start) {
    coordinator_->hellos.clear();
    auto server = AgentServer::Start(Options(), context_);
    ASSERT_TRUE(server.ok()) << server.status();
    ASSERT_TRUE(RunUntil([this] { return !coordinator_->hellos.empty(); }));
    EXPECT_EQ(StartOf(coordinator_->hellos[0].number), start);
    (*server)->Stop();
    EXPECT_TRUE((*server)->Join().ok());
  }
}

TEST_F(AgentServerTest, WhoIsSupersededIsAnotherAgentNextTime) {
  std::string instance;
  for (int i = 0; i < 2; ++i) {
    coordinator_->refuse_hello =
        Refusal{.code = Refusal::Code::kSuperseded, .reason = "a copy"};
    coordinator_->hellos.clear();
    auto server = AgentServer::Start(Options(), context_);
    ASSERT_TRUE(server.ok()) << server.status();
    ASSERT_TRUE(RunUntil([this] { return !coordinator_->hellos.empty(); }));
    EXPECT_TRUE(absl::IsAborted((*server)->Join()));
    EXPECT_NE(coordinator_->hellos[0].instance, instance);
    EXPECT_EQ(StartOf(coordinator_->hellos[0].number), 1u);
    instance = coordinator_->hellos[0].instance;
  }
}

TEST_F(AgentServerTest, RunsManyTasksAndDrains) {
  auto server = AgentServer::Start(Options(), context_);
  ASSERT_TRUE(server.ok()) << server.status();
  ASSERT_TRUE(RunUntil([this] { return !coordinator_->heartbeats.empty(); }));
  EXPECT_EQ(coordinator_->hellos[0].labels.at("zone"), "a");
  EXPECT_EQ(coordinator_->hellos[0].instance.size(), 32u);
  EXPECT_FALSE(coordinator_->hellos[0].name.empty());
  coordinator_->Send(Noops(20'000));
  ASSERT_TRUE(RunUntil([this] { return Ended() == 20'000; }));

  (*server)->Drain();
  ASSERT_TRUE(RunUntil([this] { return !coordinator_->goodbyes.empty(); }));
  EXPECT_TRUE((*server)->Join().ok());
}

TEST_F(AgentServerTest, AJobThatAnExecutorCannotRunHarmsNoOther) {
  auto server = AgentServer::Start(Options(), context_);
  ASSERT_TRUE(server.ok()) << server.status();
  ASSERT_TRUE(RunUntil([this] { return !coordinator_->heartbeats.empty(); }));
  Grant grant = Noops(1);
  Job stranger;
  stranger.name = "s";
  stranger.type = "command";
  stranger.with = R"({"argv":["true"]})";
  grant.definitions.push_back({.job = {2}, .job_json = JobToJson(stranger)});
  grant.ranges.push_back({.job = {2},
                          .executor = ExecutorKind::kThreadPool,
                          .tasks = {0, 1},
                          .fence = {1}});
  coordinator_->Send(grant);
  std::map<JobId, Ending> endings;
  ASSERT_TRUE(RunUntil([&] {
    for (const Results& message : coordinator_->results) {
      for (const EndedBatch& batch : message.batches) {
        endings[batch.job] = batch.runs[0].ending;
      }
    }
    return endings.size() == 2;
  }));
  EXPECT_EQ(endings[JobId{1}], Ending::kSucceeded);
  EXPECT_EQ(endings[JobId{2}], Ending::kError);
}

TEST_F(AgentServerTest, TellsItsNumbersAndItsHealth) {
  AgentOptions options = Options();
  options.http = "127.0.0.1:0";
  auto server = AgentServer::Start(std::move(options), context_);
  ASSERT_TRUE(server.ok()) << server.status();
  const std::string address = (*server)->http_address();
  EXPECT_THAT(Get(address, "/livez"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Get(address, "/readyz"), StartsWith("HTTP/1.1 503"));
  ASSERT_TRUE(RunUntil([this] { return !coordinator_->heartbeats.empty(); }));
  coordinator_->Send(Noops(50));
  ASSERT_TRUE(RunUntil([this] { return Ended() == 50; }));
  ASSERT_TRUE(RunUntil([&] {
    return Get(address, "/readyz").starts_with("HTTP/1.1 200") &&
           Get(address, "/metrics")
                   .find(
                       "remuda_executor_attempts_finished_total{executor="
                       "\"thread_pool\",outcome=\"succeeded\"} 50") !=
               std::string::npos;
  }));
  const std::string metrics = Get(address, "/metrics");
  EXPECT_THAT(metrics, HasSubstr("remuda_agent_connected 1\n"));
  EXPECT_THAT(metrics,
              HasSubstr("remuda_executor_slots{executor=\"thread_pool\"} 8\n"));
  EXPECT_THAT(metrics,
              HasSubstr("remuda_transport_messages_total{direction="
                        "\"in\",socket=\"coordinator\",type=\"grant\"} 1\n"));
}

TEST_F(AgentServerTest, StopsAtOnceAndSaysSo) {
  auto server = AgentServer::Start(Options(), context_);
  ASSERT_TRUE(server.ok()) << server.status();
  ASSERT_TRUE(RunUntil([this] { return !coordinator_->heartbeats.empty(); }));
  (*server)->Stop();
  EXPECT_TRUE((*server)->Join().ok());
  ASSERT_TRUE(RunUntil([this] { return !coordinator_->goodbyes.empty(); }));
}

TEST_F(AgentServerTest, ARefusalReachesWhoeverJoins) {
  coordinator_->refuse_hello =
      Refusal{.code = Refusal::Code::kForbidden, .reason = "not you"};
  auto server = AgentServer::Start(Options(), context_);
  ASSERT_TRUE(server.ok()) << server.status();
  ASSERT_TRUE(RunUntil([this] { return !coordinator_->hellos.empty(); }));
  EXPECT_TRUE(absl::IsFailedPrecondition((*server)->Join()));
}

TEST_F(AgentServerTest, ItsDataFolderIsItsOwn) {
  auto server = AgentServer::Start(Options(), context_);
  ASSERT_TRUE(server.ok()) << server.status();
  struct stat folder = {};
  ASSERT_EQ(stat((folder_ + "/data/agent").c_str(), &folder), 0);
  EXPECT_EQ(folder.st_mode & 0777, 0700u);
  EXPECT_TRUE(absl::IsFailedPrecondition(
      AgentServer::Start(Options(), context_).status()));
}

TEST_F(AgentServerTest, BadOptionsAreRefused) {
  AgentOptions options = Options();
  options.executors.clear();
  EXPECT_TRUE(absl::IsInvalidArgument(
      AgentServer::Start(std::move(options), context_).status()));
  options = Options();
  options.coordinator = "nonsense";
  EXPECT_FALSE(AgentServer::Start(std::move(options), context_).ok());
  options = Options();
  options.executors = {[](const ExecutorSurroundings&) {
    return absl::UnavailableError("no spawner");
  }};
  EXPECT_TRUE(absl::IsUnavailable(
      AgentServer::Start(std::move(options), context_).status()));
}

}  // namespace
}  // namespace remuda
