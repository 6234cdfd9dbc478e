#include "agent/core/registration.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Welcome AWelcome() {
  Welcome welcome;
  welcome.lease = seconds(10);
  welcome.heartbeat_interval = seconds(2);
  return welcome;
}

MonotonicTime At(double s) {
  return MonotonicTime(
      std::chrono::duration_cast<Duration>(std::chrono::duration<double>(s)));
}

TEST(RegistrationTest, HelloIsRepeatedUntilWelcome) {
  Registration registration(seconds(1), 0.5);
  EXPECT_FALSE(registration.HelloDue(At(0)));
  registration.OnConnected(At(1));
  EXPECT_TRUE(registration.HelloDue(At(1)));
  EXPECT_EQ(registration.OnHelloSent(At(1)), 1u);
  EXPECT_FALSE(registration.HelloDue(At(2)));
  EXPECT_EQ(registration.next_time(), At(6));
  EXPECT_TRUE(registration.HelloDue(At(6)));
  EXPECT_EQ(registration.OnHelloSent(At(6)), 2u);
  registration.OnWelcome(At(7), AWelcome());
  EXPECT_TRUE(registration.registered());
  EXPECT_FALSE(registration.HelloDue(At(100)));
}

TEST(RegistrationTest, TheLeaseCountsFromWhatWasConfirmed) {
  Registration registration(seconds(1), 0.5);
  registration.OnConnected(At(0));
  registration.OnHelloSent(At(0));
  registration.OnWelcome(At(1), AWelcome());
  EXPECT_EQ(registration.fence_time(), At(8.9));
  EXPECT_TRUE(registration.HeartbeatDue(At(1)));
  EXPECT_EQ(registration.OnHeartbeatSent(At(1)), 1u);
  EXPECT_EQ(registration.OnHeartbeatSent(At(3)), 2u);
  EXPECT_EQ(registration.OnHeartbeatAck(At(4), 1), seconds(3));
  EXPECT_EQ(registration.fence_time(), At(9.9));
  EXPECT_EQ(registration.OnHeartbeatAck(At(4), 99), std::nullopt);
  EXPECT_EQ(registration.fence_time(), At(9.9));
}

TEST(RegistrationTest, TheLeaseOutlivesTheConnection) {
  Registration registration(seconds(1), 0.5);
  registration.OnConnected(At(0));
  registration.OnHelloSent(At(0));
  registration.OnWelcome(At(0), AWelcome());
  registration.OnDisconnected();
  EXPECT_EQ(registration.next_time(), At(8.9));
  registration.EndLease();
  EXPECT_EQ(registration.next_time(), std::nullopt);
}

TEST(RegistrationTest, BackoffGrowsToItsLimitAndVaries) {
  Registration calm(seconds(1), 0.0);
  Registration late(seconds(1), 0.99);
  for (Registration* registration : {&calm, &late}) {
    registration->OnConnected(At(0));
    for (int i = 0; i < 20; ++i) {
      registration->OnHelloSent(At(0));
      registration->SayHelloAgain(At(0), /*at_once=*/false);
    }
  }
  EXPECT_LT(*calm.next_time(), *late.next_time());
  EXPECT_LE(*late.next_time(), At(15 * 1.25));
  EXPECT_GE(*calm.next_time(), At(15 * 0.74));
}

// Each Hello may have thousands of tasks granted again: a session that is void
// as soon as it begins must not make a storm of them.
TEST(RegistrationTest, HellosThatAreSaidAgainKeepTheirDistance) {
  Registration registration(seconds(1), 0.5);
  registration.OnConnected(At(0));
  registration.OnHelloSent(At(0));
  registration.OnWelcome(At(0.01), AWelcome());
  registration.SayHelloAgain(At(0.02), /*at_once=*/true);
  EXPECT_TRUE(registration.HelloDue(At(0.02)));
  registration.OnHelloSent(At(0.02));
  registration.OnWelcome(At(0.03), AWelcome());
  registration.SayHelloAgain(At(0.04), /*at_once=*/true);
  EXPECT_FALSE(registration.HelloDue(At(0.119)));
  EXPECT_TRUE(registration.HelloDue(At(0.121)));
  registration.OnHelloSent(At(0.121));
  registration.OnWelcome(At(0.13), AWelcome());
  registration.SayHelloAgain(At(0.14), /*at_once=*/true);
  EXPECT_FALSE(registration.HelloDue(At(0.2)));
  registration.OnDisconnected();
  registration.OnConnected(At(0.2));
  EXPECT_TRUE(registration.HelloDue(At(0.2)));
}

TEST(RegistrationTest, SilenceShowsAfterSeveralHeartbeats) {
  Registration registration(seconds(1), 0.5);
  registration.OnConnected(At(0));
  registration.OnHelloSent(At(0));
  registration.OnWelcome(At(0), AWelcome());
  for (double s = 0; s <= 8; s += 2) registration.OnHeartbeatSent(At(s));
  EXPECT_FALSE(registration.IsSilent(At(8)));
  EXPECT_TRUE(registration.IsSilent(At(8.1)));
  registration.OnHeartbeatAck(At(8.1), 5);
  EXPECT_FALSE(registration.IsSilent(At(8.2)));
}

TEST(RegistrationTest, AnIntervalOfNothingIsNotTakenAtItsWord) {
  Registration registration(seconds(1), 0.5);
  registration.OnConnected(At(0));
  registration.OnHelloSent(At(0));
  registration.OnWelcome(At(0), Welcome{});
  registration.OnHeartbeatSent(At(0));
  EXPECT_FALSE(registration.HeartbeatDue(At(0)));
  EXPECT_TRUE(registration.HeartbeatDue(At(0) + milliseconds(10)));
}

}  // namespace
}  // namespace remuda
