// Whether the simulation notices mistakes that are made on purpose.

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <string>

#include "simulation/planted_bug.h"
#include "simulation/world.h"

namespace remuda {
namespace {

class PlantedBugsTest : public testing::TestWithParam<PlantedBug> {};

TEST_P(PlantedBugsTest, IsCaughtWithinAThousandSeeds) {
  for (uint64_t seed = 1; seed <= 1'000; ++seed) {
    const RunReport report = World(seed, GetParam()).Run();
    if (report.problems.empty()) continue;
    std::printf("%s: caught by seed %d: %s\n",
                std::string(Name(GetParam())).c_str(), static_cast<int>(seed),
                report.problems.begin()->c_str());
    return;
  }
  FAIL() << Name(GetParam()) << " was not noticed";
}

INSTANTIATE_TEST_SUITE_P(All, PlantedBugsTest,
                         testing::ValuesIn(AllPlantedBugs()),
                         [](const auto& tested) {
                           std::string name(Name(tested.param));
                           for (char& letter : name) {
                             if (letter == '-') letter = '_';
                           }
                           return name;
                         });

TEST(PlantedBugNamesTest, AreReadAgain) {
  for (const PlantedBug bug : AllPlantedBugs()) {
    EXPECT_EQ(PlantedBugFromName(Name(bug)), bug);
  }
  EXPECT_FALSE(PlantedBugFromName("another").has_value());
}

}  // namespace
}  // namespace remuda
