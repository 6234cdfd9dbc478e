#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "simulation/shape.h"
#include "simulation/world.h"

namespace remuda {
namespace {

// What one prints to run a seed again.
std::string Again(uint64_t seed) {
  return "again: bazel run //simulation:remuda-simulation -- --seeds " +
         std::to_string(seed) + " --trace";
}

class SimulationTest : public testing::TestWithParam<int> {};

TEST_P(SimulationTest, EveryInvariantHoldsUnderFaults) {
  constexpr uint64_t kSeedsEach = 100;
  uint64_t attempts = 0;
  for (uint64_t i = 1; i <= kSeedsEach; ++i) {
    const uint64_t seed = static_cast<uint64_t>(GetParam()) * kSeedsEach + i;
    const RunReport report = World(seed, PlantedBug::kNone).Run();
    for (const std::string& problem : report.problems) {
      ADD_FAILURE() << "seed " << seed << ": " << problem << "\n"
                    << Again(seed);
    }
    attempts += report.attempts;
  }
  EXPECT_GT(attempts, 1'000u);
}

// Under a sanitizer each seed takes ten times as long.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kInstances = 1;
#else
constexpr int kInstances = 10;
#endif

INSTANTIATE_TEST_SUITE_P(Seeds, SimulationTest, testing::Range(0, kInstances));

TEST(SimulationDigestTest, TheSameSeedIsTheSameRun) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const RunReport first = World(seed, PlantedBug::kNone).Run();
    const RunReport second = World(seed, PlantedBug::kNone).Run();
    EXPECT_EQ(first.digest, second.digest) << Again(seed);
    EXPECT_EQ(first.events, second.events) << Again(seed);
  }
}

TEST(SimulationDigestTest, OtherSeedsAreOtherRuns) {
  EXPECT_NE(World(1, PlantedBug::kNone).Run().digest,
            World(2, PlantedBug::kNone).Run().digest);
}

// A simulation that never meets a fault shows nothing.
TEST(ShapeTest, EachFaultIsDrawnInManySeeds) {
  int crashes = 0;
  int cuts = 0;
  int jumps = 0;
  int replays = 0;
  int full = 0;
  int blips = 0;
  int skewed = 0;
  int tight = 0;
  for (uint64_t seed = 1; seed <= 1'000; ++seed) {
    const Shape shape = DrawShape(seed);
    crashes += shape.coordinator_crash > 0 && shape.agent_crash > 0;
    cuts += shape.cut > 0;
    jumps += shape.clock_jump > 0;
    replays += shape.replayed > 0;
    full += shape.disk_full > 0 && shape.fsync_error > 0;
    blips += shape.only_blips;
    skewed += shape.skew > 0 && shape.old_hello > 0 && shape.sent_again > 0;
    tight += shape.tight;
  }
  EXPECT_GT(crashes, 100);
  EXPECT_GT(cuts, 300);
  EXPECT_GT(jumps, 300);
  EXPECT_GT(replays, 300);
  EXPECT_GT(full, 100);
  EXPECT_GT(blips, 50);
  EXPECT_GT(skewed, 50);
  EXPECT_GT(tight, 200);
}

}  // namespace
}  // namespace remuda
