#include "wire/http_address.h"

#include "gtest/gtest.h"

namespace remuda {
namespace {

TEST(HttpAddressTest, ReadsHostAndPort) {
  const auto plain = ParseHttpAddress("127.0.0.1:8080");
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(plain->host, "127.0.0.1");
  EXPECT_EQ(plain->port, 8080);
  EXPECT_EQ(ToText(*plain), "127.0.0.1:8080");
  EXPECT_EQ(ToText(*ParseHttpAddress("[::1]:1")), "[::1]:1");
  EXPECT_EQ(ToText(*ParseHttpAddress("localhost:0")), "127.0.0.1:0");
}

TEST(HttpAddressTest, KnowsWhatStaysOnThisMachine) {
  for (const char* here :
       {"127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1"}) {
    EXPECT_TRUE(ParseHttpAddress(here)->is_loopback) << here;
  }
  for (const char* off : {"0.0.0.0:1", "192.168.1.1:1", "[::]:1",
                          "[::ffff:127.0.0.1]:1", "128.0.0.1:1"}) {
    EXPECT_FALSE(ParseHttpAddress(off)->is_loopback) << off;
  }
}

TEST(HttpAddressTest, RefusesEverythingElse) {
  for (const char* bad :
       {"", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
        "127.0.0.1:1x", "example.org:80", "::1:80", "[::1:80", "127.1:80"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseHttpAddress(bad).status())) << bad;
  }
}

}  // namespace
}  // namespace remuda
