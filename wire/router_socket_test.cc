#include "wire/router_socket.h"

#include <gtest/gtest.h>
#include <zmq.h>

#include <set>
#include <vector>

#include "base/check.h"
#include "wire/dealer_socket.h"
#include "wire/loop_fixture.h"
#include "wire/zmq_socket.h"

namespace remuda {
namespace {

using RouterSocketTest = LoopFixture;

struct Heard {
  WirePeer peer;
  std::string frame;
};

RouterOptions Anywhere() { return {.endpoint = "tcp://127.0.0.1:0"}; }

ZmqSocket RawDealer(WireContext& context, const RouterSocket& router) {
  auto socket = ZmqSocket::Open(context, ZmqSocket::Type::kDealer);
  CHECK_OK(socket);
  socket->Set(ZMQ_LINGER, 0);
  CHECK_OK(socket->Connect(router.endpoint()));
  return *std::move(socket);
}

TEST_F(RouterSocketTest, AnswersWhoeverSpoke) {
  std::vector<Heard> heard;
  auto router = RouterSocket::Bind(
      Anywhere(), context_, loop_, [&](WirePeer peer, std::string_view frame) {
        heard.push_back({peer, std::string(frame)});
      });
  ASSERT_TRUE(router.ok()) << router.status();
  EXPECT_TRUE((*router)->endpoint().starts_with("tcp://127.0.0.1:"));
  EXPECT_FALSE((*router)->endpoint().ends_with(":0"));

  std::vector<std::string> replies(2);
  std::vector<std::unique_ptr<DealerSocket>> dealers;
  for (size_t i = 0; i < 2; ++i) {
    DealerOptions options;
    options.endpoint = (*router)->endpoint();
    auto dealer = DealerSocket::Connect(
        options, context_, loop_, random_,
        {.on_frame = [&replies, i](std::string_view f) { replies[i] += f; },
         .on_connected = nullptr,
         .on_disconnected = nullptr});
    ASSERT_TRUE(dealer.ok()) << dealer.status();
    dealers.push_back(*std::move(dealer));
  }
  ASSERT_TRUE(RunUntil(
      [&] { return dealers[0]->connected() && dealers[1]->connected(); }));
  ASSERT_TRUE(dealers[0]->Send("from 0").ok());
  ASSERT_TRUE(dealers[1]->Send("from 1").ok());
  ASSERT_TRUE(RunUntil([&] { return heard.size() == 2; }));
  EXPECT_NE(heard[0].peer, heard[1].peer);
  for (const Heard& item : heard) {
    ASSERT_TRUE((*router)->Send(item.peer, "to " + item.frame).ok());
  }
  ASSERT_TRUE(
      RunUntil([&] { return !replies[0].empty() && !replies[1].empty(); }));
  EXPECT_EQ(replies[0], "to from 0");
  EXPECT_EQ(replies[1], "to from 1");
  EXPECT_EQ((*router)->counters().frames_received, 2u);
  EXPECT_EQ((*router)->counters().bytes_sent, 18u);
  EXPECT_EQ((*router)->counters().connections, 2u);
}

// Each frame of a flood is answered from inside of the callback, so that sends
// and receives eat each other's signals on the descriptor.
TEST_F(RouterSocketTest, LosesNoWakeUpUnderLoad) {
  constexpr size_t kFrames = 20'000;
  std::unique_ptr<RouterSocket> router;
  auto bound = RouterSocket::Bind(Anywhere(), context_, loop_,
                                  [&](WirePeer peer, std::string_view frame) {
                                    ASSERT_TRUE(router->Send(peer, frame).ok());
                                  });
  ASSERT_TRUE(bound.ok());
  router = *std::move(bound);
  size_t sent = 0;
  size_t received = 0;
  std::unique_ptr<DealerSocket> dealer;
  DealerOptions options;
  options.endpoint = router->endpoint();
  // A queue of 256 counts as full until 128 of them are known to be read, so
  // that less than 128 under way always fit.
  const auto pump = [&] {
    while (sent < kFrames && sent - received < 100) {
      ASSERT_TRUE(dealer->Send("x").ok());
      ++sent;
    }
  };
  auto connected = DealerSocket::Connect(options, context_, loop_, random_,
                                         {.on_frame =
                                              [&](std::string_view) {
                                                ++received;
                                                pump();
                                              },
                                          .on_connected = pump,
                                          .on_disconnected = nullptr});
  ASSERT_TRUE(connected.ok());
  dealer = *std::move(connected);
  EXPECT_TRUE(RunUntil([&] { return received == kFrames; })) << received;
}

TEST_F(RouterSocketTest, SaysThatAPeerHasGone) {
  std::vector<Heard> heard;
  auto router = RouterSocket::Bind(
      Anywhere(), context_, loop_, [&](WirePeer peer, std::string_view frame) {
        heard.push_back({peer, std::string(frame)});
      });
  ASSERT_TRUE(router.ok());
  {
    ZmqSocket dealer = RawDealer(context_, **router);
    ASSERT_EQ(dealer.Send("hello", false), 0);
    ASSERT_TRUE(RunUntil([&] {
      return heard.size() == 1 && (*router)->counters().connections == 1;
    }));
  }
  ASSERT_TRUE(RunUntil([&] { return (*router)->counters().connections == 0; }));
  absl::Status sent = absl::OkStatus();
  ASSERT_TRUE(RunUntil([&] {
    sent = (*router)->Send(heard[0].peer, "too late");
    return !sent.ok();
  }));
  EXPECT_EQ(sent.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ((*router)->counters().peers, 0u);
  EXPECT_GT((*router)->counters().unroutable, 0u);
  EXPECT_EQ((*router)->Send(WirePeer{12345}, "nobody").code(),
            absl::StatusCode::kNotFound);
}

TEST_F(RouterSocketTest, SaysThatAPeerDoesNotRead) {
  WirePeer peer;
  auto router =
      RouterSocket::Bind(Anywhere(), context_, loop_,
                         [&](WirePeer from, std::string_view) { peer = from; });
  ASSERT_TRUE(router.ok());
  ZmqSocket dealer = RawDealer(context_, **router);
  ASSERT_EQ(dealer.Send("hello", false), 0);
  ASSERT_TRUE(RunUntil([&] { return peer != WirePeer{}; }));
  const std::string frame(1 << 18, 'x');
  absl::Status sent = absl::OkStatus();
  for (int i = 0; i < 10'000 && sent.ok(); ++i) {
    sent = (*router)->Send(peer, frame);
  }
  EXPECT_EQ(sent.code(), absl::StatusCode::kUnavailable);
  EXPECT_GT((*router)->counters().send_blocked, 0u);
}

TEST_F(RouterSocketTest, DropsWhatIsNotOneFrame) {
  std::vector<std::string> heard;
  auto router = RouterSocket::Bind(
      Anywhere(), context_, loop_,
      [&](WirePeer, std::string_view frame) { heard.emplace_back(frame); });
  ASSERT_TRUE(router.ok());
  ZmqSocket dealer = RawDealer(context_, **router);
  ASSERT_EQ(dealer.Send("", true), 0);
  ASSERT_EQ(dealer.Send("two", true), 0);
  ASSERT_EQ(dealer.Send("three", false), 0);
  ASSERT_EQ(dealer.Send("good", false), 0);
  ASSERT_TRUE(RunUntil([&] { return !heard.empty(); }));
  EXPECT_EQ(heard[0], "good");
  EXPECT_EQ((*router)->counters().malformed, 1u);
}

TEST_F(RouterSocketTest, DisconnectsWhoSendsTooLongAFrame) {
  RouterOptions options = Anywhere();
  options.frame_bytes_max = 1000;
  size_t heard = 0;
  auto router = RouterSocket::Bind(
      options, context_, loop_, [&](WirePeer, std::string_view) { ++heard; });
  ASSERT_TRUE(router.ok());
  ZmqSocket dealer = RawDealer(context_, **router);
  ASSERT_EQ(dealer.Send("short", false), 0);
  ASSERT_TRUE(RunUntil(
      [&] { return heard == 1 && (*router)->counters().connections == 1; }));
  dealer.Set(ZMQ_RECONNECT_IVL, -1);
  ASSERT_EQ(dealer.Send(std::string(1001, 'x'), false), 0);
  ASSERT_TRUE(RunUntil([&] { return (*router)->counters().connections == 0; }));
  EXPECT_EQ(heard, 1u);
  EXPECT_EQ((*router)->Send(WirePeer{1}, std::string(1001, 'x')).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(RouterSocketTest, ForgetsWhoWasSilentForLongest) {
  RouterOptions options = Anywhere();
  options.peers_max = 2;
  std::vector<WirePeer> heard;
  auto router = RouterSocket::Bind(
      options, context_, loop_,
      [&](WirePeer peer, std::string_view) { heard.push_back(peer); });
  ASSERT_TRUE(router.ok());
  std::vector<ZmqSocket> dealers;
  const auto speak = [&](size_t i) {
    const size_t before = heard.size();
    ASSERT_EQ(dealers[i].Send("x", false), 0);
    ASSERT_TRUE(RunUntil([&] { return heard.size() == before + 1; }));
  };
  for (size_t i = 0; i < 3; ++i) {
    dealers.push_back(RawDealer(context_, **router));
    speak(i);
    if (i == 1) speak(0);
  }
  EXPECT_EQ((*router)->counters().peers, 2u);
  const WirePeer second = heard[1];
  EXPECT_EQ((*router)->Send(second, "x").code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE((*router)->Send(heard[0], "x").ok());
  speak(1);
  EXPECT_NE(heard.back(), second);
}

TEST_F(RouterSocketTest, RefusesAddresses) {
  const auto code = [&](const std::string& endpoint) {
    return RouterSocket::Bind({.endpoint = endpoint}, context_, loop_,
                              [](WirePeer, std::string_view) {})
        .status();
  };
  EXPECT_EQ(code("tcp://0.0.0.0:0").code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(code("tcp://*:0").message().find("remuda keygen"),
            std::string::npos);
  EXPECT_EQ(code("127.0.0.1:0").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code("tcp://127.0.0.1:99999").code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code("ipc:///nowhere/at/all").code(),
            absl::StatusCode::kInvalidArgument);
  auto first = RouterSocket::Bind({.endpoint = "tcp://localhost:0"}, context_,
                                  loop_, [](WirePeer, std::string_view) {});
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(code((*first)->endpoint()).code(),
            absl::StatusCode::kAlreadyExists);
}

}  // namespace
}  // namespace remuda
