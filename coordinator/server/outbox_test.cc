#include "coordinator/server/outbox.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/check.h"
#include "base/random.h"
#include "wire/dealer_socket.h"

namespace remuda {
namespace {

// A router on a loop of its own and a peer that reads only when its loop is
// turned.
class OutboxTest : public ::testing::Test {
 protected:
  static constexpr Duration kPatience = std::chrono::seconds(30);

  OutboxTest() : loop_(clock_), peer_loop_(clock_) {
    auto router = RouterSocket::Bind(
        {.endpoint = "tcp://127.0.0.1:0"}, context_, loop_,
        [this](WirePeer peer, std::string_view) { peer_ = {peer.value}; });
    CHECK_OK(router);
    router_ = *std::move(router);
    outbox_ = std::make_unique<Outbox>(
        *router_, loop_, [this](Peer peer) { gone_.push_back(peer); });
    DealerOptions options;
    options.endpoint = router_->endpoint();
    options.reconnect = ReconnectDelays::For(options.endpoint);
    auto dealer = DealerSocket::Connect(
        options, context_, peer_loop_, random_,
        {.on_frame =
             [this](std::string_view frame) { received_.emplace_back(frame); },
         .on_connected = [] {},
         .on_disconnected = [] {}});
    CHECK_OK(dealer);
    dealer_ = *std::move(dealer);
    Turn([this] { return dealer_->connected(); });
    CHECK_OK(dealer_->Send("hello"));
    Turn([this] { return peer_.value != 0; });
  }

  // Turns both loops until it is so.
  void Turn(const std::function<bool()>& condition) {
    const MonotonicTime end = clock_.Now() + kPatience;
    while (!condition()) {
      ASSERT_LT(clock_.Now(), end);
      loop_.RunReady();
      peer_loop_.RunReady();
    }
  }

  SystemClock clock_;
  WireContext context_;
  Random random_{3};
  EventLoop loop_;
  EventLoop peer_loop_;
  std::unique_ptr<RouterSocket> router_;
  std::unique_ptr<Outbox> outbox_;
  std::unique_ptr<DealerSocket> dealer_;
  Peer peer_;
  std::vector<Peer> gone_;
  std::vector<std::string> received_;
};

std::string Frame(size_t number) {
  return std::to_string(number) + std::string(100'000, 'x');
}

TEST_F(OutboxTest, WhoReadsLateGetsAllInOrder) {
  size_t sent = 0;
  // More than the socket takes without a reader.
  while (outbox_->bytes() < 2'000'000) outbox_->Send(peer_, Frame(sent++));
  for (int i = 0; i < 5; ++i) outbox_->Send(peer_, Frame(sent++));
  Turn([&] { return received_.size() == sent; });
  for (size_t i = 0; i < sent; ++i) ASSERT_EQ(received_[i], Frame(i));
  EXPECT_EQ(outbox_->bytes(), 0u);
  EXPECT_TRUE(gone_.empty());
}

TEST_F(OutboxTest, WhoNeverReadsIsGivenUp) {
  size_t sent = 0;
  while (gone_.empty()) {
    outbox_->Send(peer_, Frame(sent++));
    loop_.RunReady();
    ASSERT_LT(sent, 100'000u);
  }
  EXPECT_EQ(gone_.front(), peer_);
  EXPECT_LE(outbox_->bytes(), Outbox::kPeerBytesMax);
}

TEST_F(OutboxTest, AnUnknownPeerIsGone) {
  outbox_->Send({12'345}, "frame");
  EXPECT_TRUE(gone_.empty()) << "told in a later turn";
  loop_.RunReady();
  ASSERT_EQ(gone_.size(), 1u);
  EXPECT_EQ(gone_[0], Peer{12'345});
}

}  // namespace
}  // namespace remuda
