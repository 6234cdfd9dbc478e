#include "wire/client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <thread>

#include "base/check.h"
#include "base/event_loop.h"
#include "base/mutex.h"
#include "wire/codec.h"
#include "wire/router_socket.h"

namespace remuda {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Answers by script, on a thread of its own, from construction to destruction.
class FakeCoordinator {
 public:
  using Answer = std::function<std::vector<ClientReply>(const RequestFrame&)>;

  FakeCoordinator(const std::string& endpoint, Answer answer)
      : answer_(std::move(answer)), loop_(clock_) {
    auto router = RouterSocket::Bind(
        {.endpoint = endpoint}, context_, loop_,
        [this](WirePeer peer, std::string_view frame) { On(peer, frame); });
    CHECK_OK(router);
    router_ = *std::move(router);
    thread_ = std::thread([this] { loop_.Run(); });
  }

  ~FakeCoordinator() {
    loop_.Stop();
    thread_.join();
  }

 private:
  void On(WirePeer peer, std::string_view frame) {
    auto decoded = DecodeIncoming(frame);
    CHECK_OK(decoded);
    const auto& request = std::get<RequestFrame>(*decoded);
    for (const ClientReply& reply : answer_(request)) {
      CHECK_OK(router_->Send(peer, EncodeReply(reply, request.number)));
    }
  }

  const Answer answer_;
  SystemClock clock_;
  WireContext context_;
  EventLoop loop_;
  std::unique_ptr<RouterSocket> router_;
  std::thread thread_;
};

JobSummary Summary(uint64_t id, JobState state) {
  JobSummary job;
  job.id = JobId{id};
  job.state = state;
  return job;
}

class ClientTest : public testing::Test {
 protected:
  ClientTest() {
    char folder[] = "/tmp/remuda_client_XXXXXX";
    CHECK(mkdtemp(folder) != nullptr);
    folder_ = folder;
    options_.endpoint = "ipc://" + folder_ + "/socket";
    options_.call_timeout = seconds(30);
    options_.watch_timeout = seconds(30);
  }
  ~ClientTest() override { std::filesystem::remove_all(folder_); }

  void Serve(FakeCoordinator::Answer answer) {
    coordinator_.reset();
    coordinator_ =
        std::make_unique<FakeCoordinator>(options_.endpoint, std::move(answer));
  }

  std::unique_ptr<Client> Connect() {
    auto client = Client::Connect(options_, context_, clock_);
    CHECK_OK(client);
    return *std::move(client);
  }

  SystemClock clock_;
  WireContext context_;
  std::string folder_;
  ClientOptions options_;
  std::unique_ptr<FakeCoordinator> coordinator_;
};

FakeCoordinator::Answer SayInfo(const std::string& version) {
  return [version](const RequestFrame&) -> std::vector<ClientReply> {
    return {Info{.version = version, .term = Term{1}, .durability = "full"}};
  };
}

TEST_F(ClientTest, AsksAndHears) {
  Serve(SayInfo("9"));
  auto client = Connect();
  for (int i = 0; i < 100; ++i) {
    auto reply = client->Call(GetInfo{});
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(std::get<Info>(*reply).version, "9");
  }
}

TEST_F(ClientTest, ErrorsBecomeStatuses) {
  Serve([](const RequestFrame& frame) -> std::vector<ClientReply> {
    const auto& get = std::get<GetResults>(frame.request);
    return {RequestError{.code = static_cast<RequestError::Code>(get.first),
                         .message = "no"}};
  });
  options_.call_timeout = milliseconds(300);
  auto client = Connect();
  const auto code = [&](RequestError::Code asked) {
    GetResults get;
    get.first = static_cast<uint64_t>(asked);
    return client->Call(get).status().code();
  };
  using Code = RequestError::Code;
  EXPECT_EQ(code(Code::kInvalid), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(Code::kNotFound), absl::StatusCode::kNotFound);
  EXPECT_EQ(code(Code::kConflict), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(code(Code::kForbidden), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(code(Code::kBusy), absl::StatusCode::kUnavailable);
}

TEST_F(ClientTest, TriesAgainWhileTheCoordinatorIsBusy) {
  std::atomic<int> asked = 0;
  Serve([&](const RequestFrame&) -> std::vector<ClientReply> {
    if (++asked < 3) {
      return {
          RequestError{.code = RequestError::Code::kBusy, .message = "later"}};
    }
    return {Info{}};
  });
  EXPECT_TRUE(Connect()->Call(GetInfo{}).ok());
  coordinator_.reset();
  EXPECT_EQ(asked, 3);
}

TEST_F(ClientTest, NobodyThereIsUnavailable) {
  options_.call_timeout = milliseconds(200);
  auto client = Connect();
  const absl::Status status = client->Call(GetInfo{}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(status.message().find(options_.endpoint), std::string::npos);
  EXPECT_EQ(client->Watch({JobId{1}}, [](const auto&) { return true; }).code(),
            absl::StatusCode::kUnavailable);
  // It is there now: the same client goes on.
  Serve(SayInfo("1"));
  bool answered = false;
  for (int i = 0; i < 100 && !answered; ++i) {
    answered = client->Call(GetInfo{}).ok();
  }
  EXPECT_TRUE(answered);
}

TEST_F(ClientTest, ALostReplyIsAskedForWithTheSameNumber) {
  std::vector<uint64_t> numbers;
  Serve([&](const RequestFrame& frame) -> std::vector<ClientReply> {
    numbers.push_back(frame.number);
    if (numbers.size() < 3) return {};
    return {Info{}};
  });
  options_.try_timeout = milliseconds(50);
  EXPECT_TRUE(Connect()->Call(GetInfo{}).ok());
  coordinator_.reset();
  ASSERT_GE(numbers.size(), 3u);
  EXPECT_EQ(numbers[0], numbers[1]);
  EXPECT_EQ(numbers[0], numbers[2]);
}

TEST_F(ClientTest, ARestartInTheMiddleIsNotNoticed) {
  std::atomic<bool> got = false;
  Serve([&](const RequestFrame&) -> std::vector<ClientReply> {
    got = true;
    got.notify_all();
    return {};  // and dies before it answers
  });
  std::thread restarter([&] {
    got.wait(false);
    Serve(SayInfo("2"));
  });
  // Only a new connection makes it ask again in time.
  options_.try_timeout = options_.call_timeout;
  auto reply = Connect()->Call(GetInfo{});
  restarter.join();
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(std::get<Info>(*reply).version, "2");
}

TEST_F(ClientTest, TheStopFlagInterrupts) {
  auto stop = StopFlag::Make();
  ASSERT_TRUE(stop.ok());
  options_.stop = &*stop;
  Serve([&](const RequestFrame&) -> std::vector<ClientReply> {
    stop->Set();
    return {};
  });
  auto client = Connect();
  EXPECT_EQ(client->Call(GetInfo{}).status().code(),
            absl::StatusCode::kCancelled);
  EXPECT_EQ(client->Watch({JobId{1}}, [](const auto&) { return true; }).code(),
            absl::StatusCode::kCancelled);
  coordinator_.reset();  // before the flag that it sets
}

// What a coordinator keeps of uploads, and what it does with them.
struct Uploads {
  std::string bytes;
  int pieces = 0;
  int submits = 0;
  bool forget_once = false;
  bool conflict = false;

  std::vector<ClientReply> On(const RequestFrame& frame) {
    if (const auto* piece = std::get_if<UploadItems>(&frame.request)) {
      ++pieces;
      if (piece->offset == bytes.size()) bytes += piece->bytes;
      return {UploadAccepted{.bytes = bytes.size()}};
    }
    ++submits;
    if (std::exchange(forget_once, false)) {
      bytes.clear();
      return {RequestError{.code = RequestError::Code::kConflict,
                           .message = "send them again"}};
    }
    if (conflict) {
      return {RequestError{.code = RequestError::Code::kConflict,
                           .message = "the key is taken"}};
    }
    return {
        Accepted{.jobs = {Summary(1, JobState::kQueued)}, .existed = false}};
  }
};

TEST_F(ClientTest, ItemsTravelInPieces) {
  Uploads uploads;
  Serve([&](const RequestFrame& frame) { return uploads.On(frame); });
  std::string items;
  while (items.size() < 3 * UploadItems::kBytesMax) {
    items += std::to_string(items.size()) + "\n";
  }
  uint64_t last = 0;
  auto accepted =
      Connect()->SubmitJobs("key", {{.job_json = "{}", .item_bytes = items}},
                            [&](uint64_t bytes, uint64_t total) {
                              EXPECT_GT(bytes, last);
                              EXPECT_EQ(total, items.size());
                              last = bytes;
                            });
  ASSERT_TRUE(accepted.ok()) << accepted.status();
  EXPECT_EQ(accepted->jobs.at(0).id, JobId{1});
  coordinator_.reset();
  EXPECT_EQ(uploads.bytes, items);
  EXPECT_EQ(uploads.pieces, 4);
  EXPECT_EQ(last, items.size());
}

TEST_F(ClientTest, ItemsThatWereLostAreSentAgain) {
  Uploads uploads;
  uploads.forget_once = true;
  Serve([&](const RequestFrame& frame) { return uploads.On(frame); });
  auto accepted =
      Connect()->SubmitJobs("key", {{.job_json = "{}", .item_bytes = "1\n"}});
  ASSERT_TRUE(accepted.ok()) << accepted.status();
  coordinator_.reset();
  EXPECT_EQ(uploads.bytes, "1\n");
  EXPECT_EQ(uploads.submits, 2);
}

TEST_F(ClientTest, AKeyThatIsTakenIsToldAfterTheSecondTry) {
  Uploads uploads;
  uploads.conflict = true;
  Serve([&](const RequestFrame& frame) { return uploads.On(frame); });
  auto client = Connect();
  EXPECT_EQ(client->SubmitJobs("key", {{.job_json = "{}", .item_bytes = "1\n"}})
                .status(),
            absl::AlreadyExistsError("the key is taken"));
  EXPECT_EQ(client->SubmitJobs("key", {{.job_json = "{}", .item_bytes = ""}})
                .status(),
            absl::AlreadyExistsError("the key is taken"));
  coordinator_.reset();
  EXPECT_EQ(uploads.submits, 3);
}

TEST_F(ClientTest, ACoordinatorThatTakesNothingIsGivenUp) {
  Serve([](const RequestFrame&) -> std::vector<ClientReply> {
    return {UploadAccepted{.bytes = 0}};
  });
  EXPECT_EQ(Connect()
                ->SubmitJobs("key", {{.job_json = "{}", .item_bytes = "1\n"}})
                .status()
                .code(),
            absl::StatusCode::kUnavailable);
}

TEST_F(ClientTest, WhatIsTooBigIsSaidAtOnce) {
  auto client = Connect();
  const std::string big(kFrameBytesMax, 'x');
  EXPECT_EQ(client->SubmitJobs("key", {{.job_json = big, .item_bytes = ""}})
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(client->SubmitJobs("key", {}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(ClientTest, AWatchEndsWhenAllJobsHave) {
  Serve([](const RequestFrame& frame) -> std::vector<ClientReply> {
    EXPECT_EQ(std::get<WatchJobs>(frame.request).ids.size(), 2u);
    return {JobSummaries{{Summary(1, JobState::kRunning),
                          Summary(2, JobState::kQueued)}},
            JobSummaries{{Summary(1, JobState::kSucceeded)}},
            JobSummaries{{Summary(2, JobState::kFailed)}}};
  });
  std::vector<size_t> sizes;
  const absl::Status status =
      Connect()->Watch({JobId{1}, JobId{2}}, [&](const JobSummaries& jobs) {
        sizes.push_back(jobs.jobs.size());
        return true;
      });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(sizes, (std::vector<size_t>{2, 1, 1}));
}

TEST_F(ClientTest, AWatchEndsWhenTheCallbackSaysSo) {
  Serve([](const RequestFrame&) -> std::vector<ClientReply> {
    return {JobSummaries{{Summary(1, JobState::kRunning)}}};
  });
  auto client = Connect();
  EXPECT_TRUE(
      client->Watch({JobId{1}}, [](const auto&) { return false; }).ok());
  EXPECT_EQ(client
                ->Watch(
                    {JobId{1}}, [](const auto&) { return true; },
                    clock_.Now() + milliseconds(100))
                .code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST_F(ClientTest, AWatchOutlivesARestart) {
  const auto say = [](JobState state) {
    return [state](const RequestFrame&) -> std::vector<ClientReply> {
      return {JobSummaries{{Summary(1, state)}}};
    };
  };
  Serve(say(JobState::kRunning));
  std::vector<JobState> states;
  const absl::Status status =
      Connect()->Watch({JobId{1}}, [&](const JobSummaries& jobs) {
        states.push_back(jobs.jobs.at(0).state);
        if (states.size() == 1) Serve(say(JobState::kSucceeded));
        return true;
      });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(states.back(), JobState::kSucceeded);
}

TEST_F(ClientTest, AWatchOfNothingKnownSaysSo) {
  Serve([](const RequestFrame&) -> std::vector<ClientReply> {
    return {RequestError{.code = RequestError::Code::kNotFound,
                         .message = "no job 7"}};
  });
  EXPECT_EQ(Connect()->Watch({JobId{7}}, [](const auto&) { return true; }),
            absl::NotFoundError("no job 7"));
}

TEST_F(ClientTest, RefusesAddresses) {
  options_.endpoint = "tcp://example.org:1";
  EXPECT_EQ(Client::Connect(options_, context_, clock_).status().code(),
            absl::StatusCode::kFailedPrecondition);
  options_.endpoint = "nonsense";
  EXPECT_EQ(Client::Connect(options_, context_, clock_).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace remuda
