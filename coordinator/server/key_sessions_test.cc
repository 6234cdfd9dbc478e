#include "coordinator/server/key_sessions.h"

#include <gtest/gtest.h>

#include <set>

namespace remuda {
namespace {

class KeySessionsTest : public testing::Test {
 protected:
  // The refusal, or the name under which the agent goes.
  std::string Open(uint64_t peer, const AllowEntry& entry,
                   const std::string& instance) {
    Hello hello;
    hello.name = "self-chosen";
    hello.instance = instance;
    const KeySessions::Answer answer = sessions_.Open(
        Peer{peer}, entry, hello,
        [this](Peer other) { return !gone_.contains(other.value); });
    over_ = answer.over;
    if (!answer.refusal.empty()) return answer.refusal;
    instance_ = hello.instance;
    return hello.name;
  }

  const AllowEntry one_ = {.identity = {.role = Role::kAgent, .name = "one"},
                           .key = MakeKeyPair().public_key};
  const AllowEntry fleet_ = {
      .identity = {.role = Role::kAgent, .name = "fleet"},
      .key = MakeKeyPair().public_key,
      .sessions = 2};
  KeySessions sessions_;
  std::set<uint64_t> gone_;
  std::vector<Peer> over_;
  std::string instance_;
};

TEST_F(KeySessionsTest, NamesComeFromTheKey) {
  EXPECT_EQ(Open(1, one_, "i"), "one");
  EXPECT_EQ(instance_, "one/i");
  EXPECT_EQ(Open(2, fleet_, "i"), "fleet/self-chosen");
  EXPECT_EQ(instance_, "fleet/i");
  // The core refuses a Hello without an instance, so it must stay without.
  EXPECT_EQ(Open(3, fleet_, ""), "fleet/self-chosen");
  EXPECT_EQ(instance_, "");
}

TEST_F(KeySessionsTest, ASecondAgentIsRefusedWhileTheFirstIsThere) {
  EXPECT_EQ(Open(1, one_, "first"), "one");
  EXPECT_NE(Open(2, one_, "second").find("in use by 1 agent,"),
            std::string::npos);
  EXPECT_EQ(sessions_.refused(), 1u);
  gone_.insert(1);
  EXPECT_EQ(Open(2, one_, "second"), "one");
  EXPECT_EQ(over_, std::vector<Peer>{Peer{1}});
}

TEST_F(KeySessionsTest, TheSameAgentComesBackOverANewConnection) {
  EXPECT_EQ(Open(1, one_, "first"), "one");
  EXPECT_EQ(Open(2, one_, "first"), "one");
  EXPECT_TRUE(over_.empty());
  EXPECT_NE(Open(3, one_, "second"), "one");
  // The old connection's end does not end the new session.
  sessions_.Close(Peer{1});
  EXPECT_NE(Open(3, one_, "second"), "one");
  sessions_.Close(Peer{2});
  EXPECT_EQ(Open(3, one_, "second"), "one");
}

TEST_F(KeySessionsTest, AFleetHasItsNumber) {
  EXPECT_EQ(Open(1, fleet_, "a"), "fleet/self-chosen");
  EXPECT_EQ(Open(2, fleet_, "b"), "fleet/self-chosen");
  EXPECT_NE(Open(3, fleet_, "c").find("in use by 2 agents"), std::string::npos);
  // Saying Hello again takes no second place.
  EXPECT_EQ(Open(2, fleet_, "b"), "fleet/self-chosen");
  sessions_.Close(Peer{1});
  EXPECT_EQ(Open(3, fleet_, "c"), "fleet/self-chosen");
}

}  // namespace
}  // namespace remuda
