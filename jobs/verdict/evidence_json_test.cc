#include "jobs/verdict/evidence_json.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace remuda {
namespace {

Evidence AnyEvidence(uint64_t seed) {
  Random random(seed);
  const auto maybe = [&](uint64_t below) {
    return random.Below(2) == 0 ? std::optional<uint64_t>()
                                : random.Below(below);
  };
  const auto some_time = [&]() -> std::optional<Duration> {
    const auto count = maybe(1'000'000'000);
    if (!count) return std::nullopt;
    return Duration(static_cast<int64_t>(*count));
  };
  Evidence evidence;
  const uint64_t attempts = random.Below(50);
  for (uint64_t i = 0; i < attempts; ++i) {
    Usage usage;
    usage.cpu = some_time();
    usage.run_queue_delay = some_time();
    usage.gil_wait = some_time();
    usage.gil_held = some_time();
    evidence.agent_memory_bytes = 3e9;
    usage.loop_wait = some_time();
    usage.loop_lag = some_time();
    usage.switches_voluntary = maybe(100);
    usage.switches_involuntary = maybe(100);
    usage.memory_max_bytes = maybe(uint64_t{1} << 40);
    usage.bytes_in = maybe(uint64_t{1} << 40);
    usage.bytes_out = maybe(uint64_t{1} << 40);
    evidence.Add(random.Below(3) == 0 ? Ending::kError : Ending::kSucceeded,
                 Duration(static_cast<int64_t>(random.Below(1'000'000'000))),
                 usage);
  }
  evidence.active = RealSeconds(static_cast<double>(random.Below(100)) / 7);
  evidence.slots = {random.Below(10'000), random.Below(64), random.Below(8)};
  return evidence;
}

TEST(EvidenceJson, WhatComesBackIsWhatWentIn) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    const Evidence evidence = AnyEvidence(seed);
    const auto back = EvidenceFromJson(EvidenceToJson(evidence));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, evidence) << seed;
  }
}

TEST(EvidenceJson, IsCompact) {
  Evidence evidence;
  for (int i = 0; i < 1'000'000; ++i) {
    evidence.Add(Ending::kSucceeded, std::chrono::microseconds(i),
                 {.cpu = std::chrono::microseconds(i / 3)});
  }
  EXPECT_LT(EvidenceToJson(evidence).size(), 600u);
}

TEST(EvidenceJson, OlderAndNewerVersionsAreRead) {
  const auto read =
      EvidenceFromJson(R"({"attempts":3,"wall_seconds":1.5,"new":[1]})");
  ASSERT_TRUE(read.ok());
  EXPECT_DOUBLE_EQ(read->mean_wall().count(), 0.5);
}

TEST(EvidenceJson, NonsenseIsRefused) {
  for (const char* text :
       {"", "[]", "7", R"({"attempts":-1})", R"({"attempts":"x"})",
        R"({"cpu":5})", R"({"cpu":{"sum":-1}})", R"({"slots":["x"]})",
        R"({"walls":[1,-2]})"}) {
    EXPECT_FALSE(EvidenceFromJson(text).ok()) << text;
  }
  // More than any machine has.
  const auto read = EvidenceFromJson(R"({"slots":[1e300]})");
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->slots[0], 1'000'000'000u);
}

}  // namespace
}  // namespace remuda
