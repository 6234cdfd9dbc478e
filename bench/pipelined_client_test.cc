#include "bench/pipelined_client.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <variant>

#include "base/check.h"
#include "bench/noop_job.h"
#include "coordinator/server/coordinator_server.h"

namespace remuda {
namespace {

class PipelinedClientTest : public ::testing::Test {
 protected:
  PipelinedClientTest()
      : folder_(
            std::string(::testing::TempDir()) + "/pipelined_" +
            ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(folder_);
    CoordinatorOptions options;
    options.data = folder_;
    auto server = CoordinatorServer::Start(options, context_);
    CHECK_OK(server);
    server_ = *std::move(server);
    auto client = ConnectBench(server_->endpoint(), "", context_, clock_);
    CHECK_OK(client);
    client_ = *std::move(client);
  }
  ~PipelinedClientTest() override {
    client_.reset();
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  const SystemClock clock_;
  WireContext context_;
  std::string folder_;
  std::unique_ptr<CoordinatorServer> server_;
  std::unique_ptr<PipelinedClient> client_;
};

TEST_F(PipelinedClientTest, ManyRequestsAreAnsweredEachOnce) {
  constexpr int kJobs = 100;
  const std::string job = NoopJob();
  std::set<JobId> accepted;
  int answers = 0;
  for (int i = 0; i < kJobs; ++i) {
    client_->Ask(Submit{.key = "key-" + std::to_string(i), .jobs = {job}},
                 [&](ClientReply& reply) {
                   const auto* one = std::get_if<Accepted>(&reply);
                   if (one != nullptr) accepted.insert(one->jobs.at(0).id);
                   if (++answers == kJobs) client_->Stop();
                   return false;
                 });
  }
  ASSERT_TRUE(client_->Run(std::chrono::minutes(1)).ok());
  EXPECT_EQ(answers, kJobs);
  EXPECT_EQ(accepted.size(), static_cast<size_t>(kJobs));
}

TEST_F(PipelinedClientTest, ARequestThatStaysOpenHearsMore) {
  JobId job;
  int heard = 0;
  const auto watch = [&](ClientReply& reply) {
    const auto& said = std::get<JobSummaries>(reply).jobs.at(0);
    EXPECT_EQ(said.id, job);
    ++heard;
    if (said.state == JobState::kCancelled) client_->Stop();
    if (heard == 1) {
      client_->Ask(CancelJob{.job = job, .reason = "test"},
                   [](ClientReply&) { return false; });
    }
    return said.state != JobState::kCancelled;
  };
  client_->Ask(Submit{.key = "k", .jobs = {NoopJob()}},
               [&](ClientReply& reply) {
                 job = std::get<Accepted>(reply).jobs.at(0).id;
                 client_->Ask(WatchJobs{.ids = {job}}, watch);
                 return false;
               });
  ASSERT_TRUE(client_->Run(std::chrono::minutes(1)).ok());
  EXPECT_GE(heard, 2);
}

TEST_F(PipelinedClientTest, NothingHeardInTimeIsAnError) {
  EXPECT_TRUE(
      absl::IsDeadlineExceeded(client_->Run(std::chrono::milliseconds(1))));
}

TEST_F(PipelinedClientTest, ACoordinatorThatLeavesEndsTheRun) {
  client_->Ask(GetInfo{}, [&](ClientReply&) {
    server_.reset();
    return false;
  });
  EXPECT_TRUE(absl::IsUnavailable(client_->Run(std::chrono::minutes(1))));
}

TEST(NoopJobTest, AKeyFileThatIsNotThereIsAnError) {
  const SystemClock clock;
  WireContext context;
  EXPECT_FALSE(
      ConnectBench("tcp://127.0.0.1:1", "/no/key", context, clock).ok());
}

}  // namespace
}  // namespace remuda
