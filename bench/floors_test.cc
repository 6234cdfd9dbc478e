#include "bench/floors.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "bench/latencies.h"

namespace remuda {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr Duration kShort = milliseconds(20);

// First: it forks, and later tests may have threads.
TEST(FloorsTest, ARelayMeasuresEveryRoundTripThatWasAskedFor) {
  const auto took = RelayRoundTrips(25);
  ASSERT_TRUE(took.ok()) << took.status();
  EXPECT_EQ(took->count, 25u);
  EXPECT_GT(took->p50, Duration::zero());
  EXPECT_LE(took->p50, took->p99);
  EXPECT_LE(took->p99, took->most);
}

TEST(FloorsTest, FilesAreGoneAfterwards) {
  const std::string folder = std::string(::testing::TempDir()) + "/floors";
  std::filesystem::create_directories(folder);
  const auto appends = AppendsPerSecond(folder, kShort);
  ASSERT_TRUE(appends.ok()) << appends.status();
  EXPECT_GT(*appends, 0);
  const auto rows = SqliteRowsPerSecond(folder, 10, kShort);
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_GT(*rows, 0);
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  std::filesystem::remove(folder);
}

TEST(FloorsTest, AFolderThatIsNotThereIsAnError) {
  EXPECT_FALSE(AppendsPerSecond("/no/such/folder", kShort).ok());
  EXPECT_FALSE(SqliteRowsPerSecond("/no/such/folder", 10, kShort).ok());
}

TEST(FloorsTest, CommandsAreStartedAndWaitedFor) {
  const auto spawns = SpawnsPerSecond(3, kShort);
  ASSERT_TRUE(spawns.ok()) << spawns.status();
  EXPECT_GT(*spawns, 0);
}

TEST(LatenciesTest, RanksAreValuesThatWereSeen) {
  std::vector<Duration> all;
  for (int i = 100; i >= 1; --i) all.push_back(microseconds(i));
  const Latencies latencies = Latencies::Of(all);
  EXPECT_EQ(latencies.p50, microseconds(50));
  EXPECT_EQ(latencies.p99, microseconds(99));
  EXPECT_EQ(latencies.most, microseconds(100));
  EXPECT_EQ(latencies.count, 100u);
  const Latencies one = Latencies::Of({Duration(1'500)});
  EXPECT_EQ(one.p50, one.p99);
  EXPECT_EQ(one.ToJson(),
            "{\"count\":1,\"p50_us\":1.500000,\"p99_us\":1.500000,"
            "\"most_us\":1.500000}");
}

}  // namespace
}  // namespace remuda
