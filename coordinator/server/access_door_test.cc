// Who may ask what, through the door of a whole coordinator.

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <mutex>
#include <variant>

#include "base/check.h"
#include "coordinator/server/coordinator_server.h"
#include "coordinator/store/reader.h"
#include "jobs/job_json.h"

namespace remuda {
namespace {

constexpr std::chrono::seconds kPatience(60);

// One request by the door, and what comes back.
class Asked {
 public:
  Asked(RequestDoor& door, const Identity& identity, ClientRequest request)
      : door_(door) {
    caller_ = door.Ask(identity, std::move(request), [this](const auto& reply) {
      const std::lock_guard lock(mutex_);
      replies_.push_back(reply);
      heard_.notify_one();
    });
  }
  ~Asked() { door_.Leave(caller_); }

  ClientReply Next() {
    std::unique_lock lock(mutex_);
    CHECK(heard_.wait_for(lock, kPatience, [&] { return !replies_.empty(); }));
    ClientReply reply = std::move(replies_.front());
    replies_.pop_front();
    return reply;
  }

 private:
  RequestDoor& door_;
  DoorCaller caller_;
  std::mutex mutex_;
  std::condition_variable heard_;
  std::deque<ClientReply> replies_;
};

std::string NoopJson(uint64_t tasks) {
  Job job;
  job.name = "test";
  job.type = "noop";
  job.tasks.kind = TaskSource::Kind::kRange;
  job.tasks.from = 1;
  job.tasks.to = static_cast<int64_t>(tasks);
  return JobToJson(job);
}

Identity Somebody(Role role, const std::string& name) {
  return {.role = role, .name = name};
}

class AccessDoorTest : public ::testing::Test {
 protected:
  AccessDoorTest()
      : folder_(
            std::string(::testing::TempDir()) + "/door_" +
            ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(folder_);
    CoordinatorOptions options;
    options.data = folder_;
    auto server = CoordinatorServer::Start(options, context_);
    CHECK_OK(server);
    server_ = *std::move(server);
  }
  ~AccessDoorTest() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  ClientReply Ask(const Identity& identity, ClientRequest request) {
    return Asked(server_->door(), identity, std::move(request)).Next();
  }

  template <typename Reply>
  Reply AskFor(const Identity& identity, ClientRequest request) {
    ClientReply reply = Ask(identity, std::move(request));
    if (const auto* error = std::get_if<RequestError>(&reply)) {
      ADD_FAILURE() << error->message;
    }
    CHECK(std::holds_alternative<Reply>(reply));
    return std::get<Reply>(std::move(reply));
  }

  RequestError::Code CodeOf(const Identity& identity, ClientRequest request) {
    const ClientReply reply = Ask(identity, std::move(request));
    const auto* error = std::get_if<RequestError>(&reply);
    CHECK(error != nullptr);
    return error->code;
  }

  JobSummary SubmitAs(const Identity& identity, const std::string& key) {
    return AskFor<Accepted>(identity,
                            Submit{.key = key, .jobs = {NoopJson(10)}})
        .jobs.at(0);
  }

  // All that ever happened, as it is stored.
  std::string History() {
    auto reader = StoreReader::Open(folder_ + "/remuda.sqlite");
    CHECK_OK(reader);
    auto rows = reader->History(0, 10'000);
    CHECK_OK(rows);
    std::string text;
    for (const HistoryRow& row : *rows) {
      text += row.kind + row.body + "\n";
      if (row.definition != nullptr) text += *row.definition + "\n";
    }
    return text;
  }

  const Identity local_;
  const Identity alice_ = Somebody(Role::kSubmitter, "alice");
  const Identity bob_ = Somebody(Role::kSubmitter, "bob");
  const Identity boss_ = Somebody(Role::kOperator, "boss");
  const Identity eye_ = Somebody(Role::kViewer, "eye");
  std::string folder_;
  WireContext context_;
  std::unique_ptr<CoordinatorServer> server_;
};

TEST_F(AccessDoorTest, WhatTheTableDeniesIsAnsweredAndChangesNothing) {
  const JobId job = SubmitAs(boss_, "first").id;
  const std::vector<ClientRequest> requests = {
      UploadItems{.key = "k", .bytes = "1\n"},
      Submit{.key = "k", .jobs = {NoopJson(5)}},
      CancelJob{.job = job, .reason = "no"},
      GetJobs{},
      WatchJobs{.ids = {job}},
      GetResults{.job = job},
      GetLogs{.job = job},
      GetAgents{},
      GetInfo{},
      GetVerdicts{},
  };
  ASSERT_EQ(requests.size(), std::variant_size_v<ClientRequest>);
  const std::string before = History();
  int denied = 0;
  for (const Role role :
       {Role::kAgent, Role::kSubmitter, Role::kViewer, Role::kOperator}) {
    for (const ClientRequest& request : requests) {
      if (MayAsk(role, request) != Permission::kDenied) continue;
      EXPECT_EQ(CodeOf(Somebody(role, "somebody"), request),
                RequestError::Code::kForbidden)
          << RoleName(role) << " " << request.index();
      ++denied;
    }
  }
  EXPECT_EQ(denied, 10 + 1 + 3 + 0);
  EXPECT_EQ(History(), before);
  // What it may, an operator does after all that.
  EXPECT_EQ(AskFor<CancelReply>(boss_, CancelJob{.job = job}).result,
            CancelReply::Result::kCancelled);
  EXPECT_NE(History(), before);
}

TEST_F(AccessDoorTest, AJobBelongsToWhoSubmittedIt) {
  EXPECT_EQ(SubmitAs(alice_, "a").owner, "alice");
  EXPECT_EQ(SubmitAs(local_, "l").owner, "");
  const JobId job = SubmitAs(alice_, "b").id;
  const JobSummary seen =
      AskFor<JobSummaries>(boss_, GetJobs{.ids = {job}}).jobs.at(0);
  EXPECT_EQ(seen.owner, "alice");
}

TEST_F(AccessDoorTest, ASubmitterSeesItsOwnJobsOnly) {
  const JobId hers = SubmitAs(alice_, "a").id;
  const JobId his = SubmitAs(bob_, "b").id;
  SubmitAs(local_, "l");
  EXPECT_EQ(AskFor<JobSummaries>(eye_, GetJobs{}).jobs.size(), 3u);
  const auto mine = AskFor<JobSummaries>(alice_, GetJobs{}).jobs;
  ASSERT_EQ(mine.size(), 1u);
  EXPECT_EQ(mine[0].id, hers);

  const std::string before = History();
  for (const ClientRequest& request : std::vector<ClientRequest>{
           GetJobs{.ids = {his}}, WatchJobs{.ids = {his}},
           GetResults{.job = his}, GetLogs{.job = his},
           CancelJob{.job = his}}) {
    const ClientReply others = Ask(alice_, request);
    ASSERT_TRUE(std::holds_alternative<RequestError>(others));
    EXPECT_EQ(std::get<RequestError>(others).code,
              RequestError::Code::kNotFound)
        << request.index();
    // Word for word what a job that does not exist gets.
    EXPECT_EQ(std::get<RequestError>(others).message,
              "there is no job " + std::to_string(his.value));
  }
  EXPECT_EQ(CodeOf(alice_, WatchJobs{.ids = {hers, his}}),
            RequestError::Code::kNotFound);
  EXPECT_EQ(History(), before);

  AskFor<ResultPage>(alice_, GetResults{.job = hers});
  AskFor<CancelReply>(alice_, CancelJob{.job = hers});
  // It has ended; who may cancel it does not change by that.
  EXPECT_EQ(CodeOf(bob_, CancelJob{.job = hers}),
            RequestError::Code::kNotFound);
  EXPECT_EQ(AskFor<CancelReply>(alice_, CancelJob{.job = hers}).result,
            CancelReply::Result::kTooLate);
}

TEST_F(AccessDoorTest, AKeyIsItsOwnersAlone) {
  const JobId hers = SubmitAs(alice_, "same").id;
  const JobId his = SubmitAs(bob_, "same").id;
  const JobId locals = SubmitAs(local_, "@alice/same").id;
  EXPECT_NE(hers, his);
  EXPECT_NE(hers, locals);
  EXPECT_NE(his, locals);
  const auto again =
      AskFor<Accepted>(alice_, Submit{.key = "same", .jobs = {NoopJson(10)}});
  EXPECT_TRUE(again.existed);
  EXPECT_EQ(again.jobs.at(0).id, hers);
  EXPECT_EQ(CodeOf(alice_, Submit{.key = "same", .jobs = {NoopJson(11)}}),
            RequestError::Code::kConflict);
  EXPECT_EQ(CodeOf(alice_, Submit{.key = std::string(129, 'k'),
                                  .jobs = {NoopJson(10)}}),
            RequestError::Code::kInvalid);
}

TEST_F(AccessDoorTest, AWatchGoesOnUntilTheEnd) {
  const JobId job = SubmitAs(alice_, "a").id;
  Asked watch(server_->door(), alice_, WatchJobs{.ids = {job}});
  EXPECT_EQ(std::get<JobSummaries>(watch.Next()).jobs.at(0).state,
            JobState::kQueued);
  AskFor<CancelReply>(alice_, CancelJob{.job = job});
  EXPECT_EQ(std::get<JobSummaries>(watch.Next()).jobs.at(0).state,
            JobState::kCancelled);
}

TEST_F(AccessDoorTest, WhoLeavesHearsNoMoreAndOneTooManyIsBusy) {
  const JobId job = SubmitAs(alice_, "a").id;
  RequestDoor& door = server_->door();
  std::vector<DoorCaller> callers;
  std::mutex mutex;
  std::condition_variable changed;
  size_t watching = 0;
  size_t busy = 0;
  const auto ask = [&] {
    callers.push_back(
        door.Ask(alice_, WatchJobs{.ids = {job}}, [&](const auto& reply) {
          const std::lock_guard lock(mutex);
          const auto* error = std::get_if<RequestError>(&reply);
          if (error != nullptr && error->code == RequestError::Code::kBusy) {
            ++busy;
          } else {
            ++watching;
          }
          changed.notify_one();
        }));
  };
  const auto wait_for = [&](size_t many_watching, size_t many_busy) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, kPatience, [&] {
      return watching == many_watching && busy == many_busy;
    });
  };
  constexpr size_t kCallersMax = 4'096;
  for (size_t i = 0; i < kCallersMax; ++i) ask();
  EXPECT_TRUE(wait_for(kCallersMax, 0));
  ask();
  EXPECT_TRUE(wait_for(kCallersMax, 1));
  for (const DoorCaller caller : callers) door.Leave(caller);
  callers.clear();
  AskFor<CancelReply>(alice_, CancelJob{.job = job});
  // Those who left are told nothing, and there is room again.
  ask();
  EXPECT_TRUE(wait_for(kCallersMax + 1, 1));
  door.Leave(callers.back());
}

}  // namespace
}  // namespace remuda
