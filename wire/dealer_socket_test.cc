#include "wire/dealer_socket.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <vector>

#include "wire/loop_fixture.h"
#include "wire/router_socket.h"

namespace remuda {
namespace {

class DealerSocketTest : public LoopFixture {
 protected:
  std::unique_ptr<RouterSocket> Router(const std::string& endpoint) {
    auto router = RouterSocket::Bind({.endpoint = endpoint}, context_, loop_,
                                     [this](WirePeer, std::string_view frame) {
                                       heard_.emplace_back(frame);
                                     });
    EXPECT_TRUE(router.ok()) << router.status();
    return *std::move(router);
  }

  std::unique_ptr<DealerSocket> Dealer(DealerOptions options) {
    options.reconnect = ReconnectDelays::For(options.endpoint);
    auto dealer =
        DealerSocket::Connect(options, context_, loop_, random_,
                              {.on_frame = [](std::string_view) {},
                               .on_connected = [this] { ++connects_; },
                               .on_disconnected = [this] { ++disconnects_; }});
    EXPECT_TRUE(dealer.ok()) << dealer.status();
    return *std::move(dealer);
  }

  std::vector<std::string> heard_;
  int connects_ = 0;
  int disconnects_ = 0;
};

TEST_F(DealerSocketTest, ComesBackAfterARestart) {
  // Not the test's own folder: a socket's path has room for 107 bytes only.
  char folder[] = "/tmp/remuda_dealer_XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::string endpoint = std::string("ipc://") + folder + "/socket";
  DealerOptions options;
  options.endpoint = endpoint;
  auto dealer = Dealer(options);
  // Nobody is there yet, which is no error.
  EXPECT_FALSE(dealer->connected());
  EXPECT_EQ(dealer->Send("x").code(), absl::StatusCode::kUnavailable);
  for (int round = 1; round <= 3; ++round) {
    auto router = Router(endpoint);
    ASSERT_TRUE(RunUntil([&] { return connects_ == round; }));
    ASSERT_TRUE(dealer->Send("round " + std::to_string(round)).ok());
    ASSERT_TRUE(
        RunUntil([&] { return heard_.size() == static_cast<size_t>(round); }));
    router.reset();
    ASSERT_TRUE(RunUntil([&] { return disconnects_ == round; }));
    EXPECT_FALSE(dealer->connected());
  }
  EXPECT_EQ(heard_.back(), "round 3");
  EXPECT_EQ(dealer->counters().connects, 3u);
  std::filesystem::remove_all(folder);
}

TEST_F(DealerSocketTest, ItsQueueIsBoundedAndFlushed) {
  // A coordinator that is there but stands still: its loop does not turn.
  EventLoop other(clock_);
  size_t received = 0;
  auto router =
      RouterSocket::Bind({.endpoint = "tcp://127.0.0.1:0"}, context_, other,
                         [&](WirePeer, std::string_view) { ++received; });
  ASSERT_TRUE(router.ok());
  DealerOptions options;
  options.endpoint = (*router)->endpoint();
  options.queued_frames_max = 10;
  auto dealer = Dealer(options);
  ASSERT_TRUE(RunUntil([&] { return dealer->connected(); }));
  const std::string frame(200'000, 'x');
  size_t accepted = 0;
  absl::Status sent = absl::OkStatus();
  while (accepted < 100'000 && (sent = dealer->Send(frame)).ok()) ++accepted;
  EXPECT_EQ(sent.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(dealer->counters().queued_frames, 10u);
  // When it goes on, all of it arrives.
  EXPECT_TRUE(RunUntil([&] {
    other.RunReady();
    return received == accepted;
  }));
  EXPECT_EQ(dealer->counters().queued_frames, 0u);
}

TEST_F(DealerSocketTest, TheQueueIsBoundedInBytesToo) {
  EventLoop other(clock_);
  auto router = RouterSocket::Bind({.endpoint = "tcp://127.0.0.1:0"}, context_,
                                   other, [](WirePeer, std::string_view) {});
  ASSERT_TRUE(router.ok());
  DealerOptions options;
  options.endpoint = (*router)->endpoint();
  options.queued_bytes_max = 1'000'000;
  auto dealer = Dealer(options);
  ASSERT_TRUE(RunUntil([&] { return dealer->connected(); }));
  const std::string frame(300'000, 'x');
  size_t accepted = 0;
  while (accepted < 100'000 && dealer->Send(frame).ok()) ++accepted;
  EXPECT_EQ(dealer->counters().queued_frames, 3u);
  EXPECT_EQ(dealer->Send(std::string(kFrameBytesMax + 1, 'x')).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(DealerSocketTest, RefusesAddresses) {
  const auto code = [&](const std::string& endpoint) {
    DealerOptions options;
    options.endpoint = endpoint;
    return DealerSocket::Connect(options, context_, loop_, random_,
                                 {.on_frame = [](std::string_view) {},
                                  .on_connected = nullptr,
                                  .on_disconnected = nullptr})
        .status()
        .code();
  };
  EXPECT_EQ(code("tcp://example.org:5"), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(code("nonsense"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code("tcp://127.0.0.1:x"), absl::StatusCode::kInvalidArgument);
}

TEST(ReconnectDelays, AreShortOnTheSameMachineOnly) {
  EXPECT_LT(ReconnectDelays::For("ipc:///x").first_max,
            std::chrono::milliseconds(100));
  EXPECT_GE(ReconnectDelays::For("tcp://example.org:5").first_min,
            std::chrono::milliseconds(250));
}

}  // namespace
}  // namespace remuda
