// Sockets with keys: who gets in, who is cut, and whether the probe sees it.

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <zmq.h>

#include <filesystem>
#include <memory>
#include <vector>

#include "base/check.h"
#include "wire/authenticator.h"
#include "wire/dealer_socket.h"
#include "wire/door_probe.h"
#include "wire/loop_fixture.h"
#include "wire/router_socket.h"
#include "wire/zmq_socket.h"

namespace remuda {
namespace {

class KeysTest : public LoopFixture {
 protected:
  // One end of a connection, and what became of it.
  struct Dealer {
    std::unique_ptr<DealerSocket> socket;
    std::vector<TurnedAway> turned_away;
    std::vector<std::string> heard;
    int disconnects = 0;
  };

  static AllowEntry Entry(const KeyPair& pair, Role role,
                          const std::string& name) {
    return {.identity = {.role = role, .name = name}, .key = pair.public_key};
  }

  static AllowList Listed(const std::vector<AllowEntry>& entries) {
    AllowList list;
    for (const AllowEntry& entry : entries) {
      list.by_key.emplace(entry.key, std::make_shared<AllowEntry>(entry));
    }
    return list;
  }

  void Serve(const std::vector<AllowEntry>& entries,
             const std::string& endpoint = "tcp://127.0.0.1:0") {
    auto started =
        Authenticator::Start({.allowed = Listed(entries)}, context_, clock_);
    ASSERT_TRUE(started.ok()) << started.status();
    authenticator_ = *std::move(started);
    auto bound = RouterSocket::Bind(
        {.endpoint = endpoint,
         .keys = RouterKeys{.secret = server_.secret_key,
                            .authenticator = *authenticator_}},
        context_, loop_, [this](WirePeer peer, std::string_view frame) {
          peers_.push_back(peer);
          frames_.emplace_back(frame);
          identities_.push_back(router_->IdentityOf(peer));
        });
    ASSERT_TRUE(bound.ok()) << bound.status();
    router_ = *std::move(bound);
  }

  PeerKey Key(const KeyPair& pair) {
    return {.name = "n", .pair = pair, .server = server_.public_key};
  }

  std::unique_ptr<Dealer> Connect(std::optional<PeerKey> key) {
    auto dealer = std::make_unique<Dealer>();
    Dealer* const it = dealer.get();
    DealerOptions options;
    options.endpoint = router_->endpoint();
    options.key = std::move(key);
    options.reconnect = ReconnectDelays::For(options.endpoint);
    auto socket = DealerSocket::Connect(
        options, context_, loop_, random_,
        {.on_frame = [it](std::string_view f) { it->heard.emplace_back(f); },
         .on_connected = nullptr,
         .on_disconnected = [it] { ++it->disconnects; },
         .on_turned_away =
             [it](TurnedAway why) { it->turned_away.push_back(why); }});
    CHECK_OK(socket);
    dealer->socket = *std::move(socket);
    return dealer;
  }

  bool Say(Dealer& dealer, const std::string& text) {
    if (!RunUntil([&] { return dealer.socket->connected(); })) return false;
    CHECK_OK(dealer.socket->Send(text));
    const size_t before = frames_.size();
    return RunUntil([&] { return frames_.size() > before; });
  }

  const KeyPair server_ = MakeKeyPair();
  const KeyPair alice_ = MakeKeyPair();
  const KeyPair bob_ = MakeKeyPair();
  std::unique_ptr<Authenticator> authenticator_;
  std::unique_ptr<RouterSocket> router_;
  std::vector<WirePeer> peers_;
  std::vector<std::string> frames_;
  std::vector<Identity> identities_;
};

TEST_F(KeysTest, AKeySaysWhoOneIs) {
  Serve({Entry(alice_, Role::kOperator, "alice"),
         Entry(bob_, Role::kAgent, "bob")});
  auto alice = Connect(Key(alice_));
  auto bob = Connect(Key(bob_));
  ASSERT_TRUE(Say(*alice, "I am bob"));
  ASSERT_TRUE(Say(*bob, "I am alice"));
  EXPECT_EQ(identities_[0], (Identity{Role::kOperator, "alice"}));
  EXPECT_EQ(identities_[1], (Identity{Role::kAgent, "bob"}));
  ASSERT_TRUE(router_->Send(peers_[0], "welcome").ok());
  ASSERT_TRUE(RunUntil([&] { return alice->heard.size() == 1; }));
  EXPECT_TRUE(bob->heard.empty());
  EXPECT_TRUE(router_->IsConnected(peers_[1]));
  bob.reset();
  EXPECT_TRUE(RunUntil([&] { return !router_->IsConnected(peers_[1]); }));
  EXPECT_TRUE(router_->IsConnected(peers_[0]));
}

TEST_F(KeysTest, StrangersAreTurnedAwayAndCounted) {
  Serve({Entry(alice_, Role::kOperator, "alice")});
  auto unlisted = Connect(Key(bob_));
  ASSERT_TRUE(RunUntil([&] { return !unlisted->turned_away.empty(); }));
  EXPECT_EQ(unlisted->turned_away[0], TurnedAway::kKeyDenied);
  auto without = Connect(std::nullopt);
  ASSERT_TRUE(RunUntil([&] { return !without->turned_away.empty(); }));
  EXPECT_EQ(without->turned_away[0], TurnedAway::kKeyMissing);
  PeerKey other_server = Key(alice_);
  other_server.server = bob_.public_key;
  auto misled = Connect(other_server);
  ASSERT_TRUE(RunUntil(
      [&] { return misled->socket->counters().handshakes_failed.other > 0; }));
  ASSERT_TRUE(RunUntil([&] {
    const HandshakeFailures failed = router_->counters().handshakes_failed;
    return failed.auth > 0 && failed.protocol > 1;
  }));
  EXPECT_FALSE(unlisted->socket->connected());
  EXPECT_FALSE(without->socket->connected());
  EXPECT_FALSE(misled->socket->connected());
  EXPECT_GT(authenticator_->counters().denied, 0u);
  EXPECT_TRUE(frames_.empty());
}

TEST_F(KeysTest, AKeyIsOfNoUseWhereNoneIsAskedFor) {
  auto open = RouterSocket::Bind({.endpoint = "tcp://127.0.0.1:0"}, context_,
                                 loop_, [](WirePeer, std::string_view) {});
  ASSERT_TRUE(open.ok());
  router_ = *std::move(open);
  auto alice = Connect(Key(alice_));
  ASSERT_TRUE(RunUntil([&] { return !alice->turned_away.empty(); }));
  EXPECT_EQ(alice->turned_away[0], TurnedAway::kKeyNotAskedFor);
}

TEST_F(KeysTest, WhoIsListedLaterGetsInWithoutANewStart) {
  Serve({});
  auto alice = Connect(Key(alice_));
  ASSERT_TRUE(RunUntil([&] { return !alice->turned_away.empty(); }));
  authenticator_->SetAllowed(Listed({Entry(alice_, Role::kViewer, "alice")}));
  EXPECT_TRUE(Say(*alice, "at last"));
}

TEST_F(KeysTest, WhoIsRemovedIsCutAtOnce) {
  const AllowEntry bob = Entry(bob_, Role::kAgent, "bob");
  Serve({Entry(alice_, Role::kOperator, "alice"), bob});
  auto alice = Connect(Key(alice_));
  auto other = Connect(Key(bob_));
  ASSERT_TRUE(Say(*alice, "x"));
  ASSERT_TRUE(Say(*other, "x"));
  // Nothing changed, nobody is cut.
  EXPECT_TRUE(router_->CutChanged().empty());
  authenticator_->SetAllowed(Listed({bob}));
  EXPECT_EQ(router_->CutChanged(), std::vector<WirePeer>{peers_[0]});
  EXPECT_EQ(router_->IdentityOf(peers_[0]), (Identity{Role::kAgent, ""}));
  EXPECT_FALSE(router_->Send(peers_[0], "still there?").ok());
  // The connection itself is closed, and none comes in its place.
  ASSERT_TRUE(RunUntil([&] { return !alice->turned_away.empty(); }));
  EXPECT_EQ(alice->turned_away[0], TurnedAway::kKeyDenied);
  EXPECT_EQ(alice->disconnects, 1);
  EXPECT_EQ(other->disconnects, 0);
  EXPECT_TRUE(Say(*other, "still here"));
  EXPECT_EQ(router_->counters().cut, 1u);
}

TEST_F(KeysTest, WhatWasUnderWayIsNotHeardAfterTheRemoval) {
  Serve({Entry(alice_, Role::kOperator, "alice")});
  auto alice = Connect(Key(alice_));
  ASSERT_TRUE(Say(*alice, "first"));
  authenticator_->SetAllowed({});
  // A message on the connection that was admitted before the removal.
  CHECK_OK(alice->socket->Send("second"));
  router_->CutChanged();
  ASSERT_TRUE(RunUntil([&] { return !alice->turned_away.empty(); }));
  EXPECT_EQ(frames_, std::vector<std::string>{"first"});
}

TEST_F(KeysTest, AConnectionThatNeverSpokeIsCutWhenItDoes) {
  Serve({Entry(alice_, Role::kOperator, "alice")});
  auto alice = Connect(Key(alice_));
  ASSERT_TRUE(RunUntil([&] { return alice->socket->connected(); }));
  authenticator_->SetAllowed({});
  EXPECT_TRUE(router_->CutChanged().empty());
  CHECK_OK(alice->socket->Send("hello"));
  ASSERT_TRUE(RunUntil([&] { return alice->disconnects > 0; }));
  EXPECT_TRUE(frames_.empty());
  EXPECT_EQ(router_->counters().denied, 1u);
}

TEST_F(KeysTest, AnotherRoleIsAnotherPeer) {
  Serve({Entry(alice_, Role::kOperator, "alice")});
  auto alice = Connect(Key(alice_));
  ASSERT_TRUE(Say(*alice, "x"));
  authenticator_->SetAllowed(Listed({Entry(alice_, Role::kViewer, "alice")}));
  EXPECT_EQ(router_->CutChanged().size(), 1u);
  ASSERT_TRUE(RunUntil([&] { return alice->disconnects > 0; }));
  ASSERT_TRUE(Say(*alice, "y"));
  EXPECT_EQ(identities_[1].role, Role::kViewer);
  EXPECT_NE(peers_[1], peers_[0]);
}

// A peer may choose its routing id: one that takes over the id of a
// connection that ended must not take over who that was.
TEST_F(KeysTest, ARoutingIdIsNoIdentity) {
  Serve({Entry(alice_, Role::kOperator, "alice"),
         Entry(bob_, Role::kViewer, "bob")});
  // A socket of that id which has said something.
  const auto speak = [this](const KeyPair& pair) {
    auto socket = ZmqSocket::Open(context_, ZmqSocket::Type::kDealer);
    CHECK_OK(socket);
    socket->Set(ZMQ_LINGER, 0);
    CHECK_EQ(zmq_setsockopt(socket->handle(), ZMQ_ROUTING_ID, "same", 4), 0);
    socket->ConnectWithKey(Key(pair));
    CHECK_OK(socket->Connect(router_->endpoint()));
    CHECK_EQ(socket->Send("x", false), 0);
    return *std::move(socket);
  };
  {
    const ZmqSocket alice = speak(alice_);
    ASSERT_TRUE(RunUntil([&] { return frames_.size() == 1; }));
  }
  ASSERT_TRUE(RunUntil([&] { return router_->counters().connections == 0; }));
  // libzmq reports the end of a connection before the socket has forgotten its
  // id, and never hears a connection that came with an id still taken: so bob
  // comes again until he is heard.
  for (int tries = 0; tries < 20 && frames_.size() == 1; ++tries) {
    const ZmqSocket bob = speak(bob_);
    bool unheard = false;
    const TimerId limit =
        loop_.RunAfter(std::chrono::seconds(1), [&unheard] { unheard = true; });
    ASSERT_TRUE(RunUntil([&] { return unheard || frames_.size() == 2; }));
    loop_.CancelTimer(limit);
  }
  ASSERT_EQ(frames_.size(), 2u);
  EXPECT_EQ(identities_[0].name, "alice");
  EXPECT_EQ(identities_[1].name, "bob");
}

TEST_F(KeysTest, TheProbeFindsALockedDoorLocked) {
  Serve({Entry(alice_, Role::kOperator, "alice")});
  EXPECT_TRUE(ProbeDoor(router_->endpoint(), Key(bob_), context_, clock_).ok());
}

TEST_F(KeysTest, TheProbeFindsAnOpenDoor) {
  // Keys on the socket, and nobody who checks them: libzmq admits everybody.
  auto socket = ZmqSocket::Open(context_, ZmqSocket::Type::kRouter);
  ASSERT_TRUE(socket.ok());
  socket->Set(ZMQ_CURVE_SERVER, 1);
  const std::string& secret = server_.secret_key.reveal();
  ASSERT_EQ(zmq_setsockopt(socket->handle(), ZMQ_CURVE_SECRETKEY, secret.data(),
                           secret.size()),
            0);
  ASSERT_TRUE(socket->Bind("tcp://127.0.0.1:0").ok());
  const absl::Status unlisted =
      ProbeDoor(socket->LastEndpoint(), Key(bob_), context_, clock_);
  EXPECT_TRUE(absl::IsFailedPrecondition(unlisted)) << unlisted;
  // No keys at all.
  auto open = ZmqSocket::Open(context_, ZmqSocket::Type::kRouter);
  ASSERT_TRUE(open.ok());
  ASSERT_TRUE(open->Bind("tcp://127.0.0.1:0").ok());
  const absl::Status null =
      ProbeDoor(open->LastEndpoint(), Key(bob_), context_, clock_);
  EXPECT_TRUE(absl::IsFailedPrecondition(null)) << null;
  // Nobody there is not the same as locked.
  const std::string nobody = open->LastEndpoint();
  open = absl::InternalError("closed");
  EXPECT_TRUE(absl::IsUnavailable(ProbeDoor(nobody, Key(bob_), context_, clock_,
                                            std::chrono::milliseconds(200))));
}

TEST_F(KeysTest, TheWatchCountsWhatItFinds) {
  auto open = ZmqSocket::Open(context_, ZmqSocket::Type::kRouter);
  ASSERT_TRUE(open.ok());
  ASSERT_TRUE(open->Bind("tcp://127.0.0.1:0").ok());
  auto watch = DoorWatch::Start(open->LastEndpoint(), Key(bob_), context_,
                                clock_, std::chrono::milliseconds(1));
  ASSERT_TRUE(watch.ok());
  EXPECT_TRUE(RunUntil([&] { return (*watch)->counters().admissions > 1; }));
}

// While nobody checks keys, nobody gets in.
TEST_F(KeysTest, WithoutTheHandlerTheDoorIsShut) {
  Serve({Entry(alice_, Role::kOperator, "alice")});
  authenticator_.reset();
  auto alice = Connect(Key(alice_));
  const auto failed = [&] {
    const HandshakeFailures failures =
        alice->socket->counters().handshakes_failed;
    return failures.auth + failures.protocol + failures.other > 0;
  };
  EXPECT_TRUE(RunUntil(failed));
  EXPECT_FALSE(alice->socket->connected());
  router_.reset();
}

TEST_F(KeysTest, ThereIsOneHandlerInAProcess) {
  Serve({});
  EXPECT_EQ(Authenticator::Start({}, context_, clock_).status().code(),
            absl::StatusCode::kAlreadyExists);
}

TEST_F(KeysTest, KeysOpenTheWayOffThisMachine) {
  Serve({}, "tcp://0.0.0.0:0");
  EXPECT_TRUE(router_->endpoint().starts_with("tcp://0.0.0.0:"));
  EXPECT_TRUE(ProbeDoor(router_->endpoint(), Key(bob_), context_, clock_).ok());
  auto bare = RouterSocket::Bind({.endpoint = "tcp://0.0.0.0:0"}, context_,
                                 loop_, [](WirePeer, std::string_view) {});
  EXPECT_TRUE(absl::IsFailedPrecondition(bare.status()));
  const std::string said(bare.status().message());
  EXPECT_NE(said.find("remuda keygen"), std::string::npos) << said;
}

}  // namespace
}  // namespace remuda
