#include "wire/attempt_records.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "base/random.h"

namespace remuda {
namespace {

std::vector<AttemptRecord> AlikeRecords(size_t count) {
  std::vector<AttemptRecord> records(count);
  for (size_t i = 0; i < count; ++i) {
    records[i].task = 2048 + i;
    records[i].fence = Fence{1};
    records[i].ended_at = WallTime(std::chrono::seconds(1'700'000'000));
    records[i].wall = std::chrono::nanoseconds(800 + i % 64);
  }
  return records;
}

template <typename T>
std::optional<T> Maybe(Random& random, T value) {
  if (random.Below(3) == 0) return std::nullopt;
  return value;
}

std::string SomeText(Random& random) {
  static constexpr size_t kLengths[] = {0, 1, 63, 64, 65, 3000};
  std::string text(kLengths[random.Below(std::size(kLengths))], '\0');
  for (char& c : text) c = static_cast<char>(random.Below(256));
  return text;
}

std::vector<AttemptRecord> AnyRecords(Random& random) {
  std::vector<AttemptRecord> records(random.Below(40));
  TaskIndex task = random.Below(1000);
  const bool texts_differ = random.Below(2) == 0;
  const std::string shared = SomeText(random);
  for (AttemptRecord& record : records) {
    record.task = task;
    task += random.Below(4);  // 0: another attempt of the same task
    record.fence = Fence{static_cast<uint32_t>(1 + random.Below(3))};
    record.ending = static_cast<Ending>(random.Below(7));
    record.exit_code = static_cast<int32_t>(random.Below(4)) - 2;
    record.ended_at = WallTime(Duration(static_cast<int64_t>(random.Next())));
    record.wall = Duration(static_cast<int64_t>(random.Next() >> 20));
    record.output = texts_differ ? SomeText(random) : shared;
    record.error = random.Below(5) == 0 ? SomeText(random) : "";
    record.usage.cpu = Maybe(random, Duration(random.Next() >> 8));
    record.usage.run_queue_delay = Maybe(random, Duration::zero());
    record.usage.switches_voluntary = Maybe(random, uint64_t{7});
    record.usage.switches_involuntary = Maybe(random, random.Below(9));
    record.usage.memory_max_bytes = Maybe(random, random.Next() >> 1);
    record.usage.gil_wait = Maybe(random, Duration(-5));
    record.usage.gil_held = Maybe(random, Duration(random.Below(99)));
    record.usage.loop_wait = Maybe(random, Duration(3));
    record.usage.loop_lag = Maybe(random, Duration(random.Below(99)));
    record.usage.bytes_in = Maybe(random, random.Below(1'000'000));
    record.usage.bytes_out = Maybe(random, uint64_t{0});
  }
  return records;
}

TEST(AttemptRecords, NothingIsNoBytes) {
  EXPECT_EQ(EncodeAttemptRecords({}), "");
  auto decoded = DecodeAttemptRecords("");
  ASSERT_TRUE(decoded.ok());
  EXPECT_TRUE(decoded->empty());
}

TEST(AttemptRecords, WhatComesBackIsWhatWentIn) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Random random(seed);
    const auto records = AnyRecords(random);
    auto decoded = DecodeAttemptRecords(EncodeAttemptRecords(records));
    ASSERT_TRUE(decoded.ok()) << decoded.status() << " seed " << seed;
    EXPECT_EQ(*decoded, records) << "seed " << seed;
  }
}

TEST(AttemptRecords, RecordsThatAreAlikeCostAFewBytes) {
  const auto records = AlikeRecords(kTasksPerChunk);
  const std::string bytes = EncodeAttemptRecords(records);
  EXPECT_LE(bytes.size(), records.size() * 2 + 64);
  auto decoded = DecodeAttemptRecords(bytes);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(*decoded, records);
}

TEST(AttemptRecords, KnownZeroIsNotUnknown) {
  std::vector<AttemptRecord> records(3);
  for (size_t i = 0; i < 3; ++i) {
    records[i].task = i;
    records[i].usage.bytes_in = 0;
  }
  auto decoded = DecodeAttemptRecords(EncodeAttemptRecords(records));
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->at(1).usage.bytes_in, uint64_t{0});
  EXPECT_EQ(decoded->at(1).usage.bytes_out, std::nullopt);
}

TEST(AttemptRecords, TheHighestCountBecomesItsNeighbour) {
  std::vector<AttemptRecord> records(1);
  records[0].usage.bytes_in = std::numeric_limits<uint64_t>::max();
  auto decoded = DecodeAttemptRecords(EncodeAttemptRecords(records));
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->at(0).usage.bytes_in,
            std::numeric_limits<uint64_t>::max() - 1);
}

// count = 4097, in the encoding of protobuf: field 1, varint.
TEST(AttemptRecords, AnnouncedCountIsBounded) {
  EXPECT_EQ(
      DecodeAttemptRecords(std::string("\x08\x81\x20", 3)).status().code(),
      absl::StatusCode::kInvalidArgument);
}

TEST(AttemptRecords, FewBytesNeverStandForManyTexts) {
  // count 4096, one run of them, all outputs share a text of 65 bytes.
  std::string bytes("\x08\x80\x20\x12\x03\x00\x80\x20\x42\x01\x41\x4a\x41", 13);
  bytes += std::string(65, 'x');
  const auto decoded = DecodeAttemptRecords(bytes);
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(decoded.status().message(), "shared text does not fit");
}

TEST(AttemptRecords, DamagedBytesNeverCrash) {
  Random random(7);
  size_t refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = EncodeAttemptRecords(AnyRecords(random));
    if (bytes.empty()) continue;
    if (random.Below(2) == 0) bytes.resize(random.Below(bytes.size()));
    for (uint64_t n = random.Below(4); n > 0 && !bytes.empty(); --n) {
      bytes[random.Below(bytes.size())] ^=
          static_cast<char>(1u << random.Below(8));
    }
    const auto decoded = DecodeAttemptRecords(bytes);
    if (!decoded.ok()) {
      EXPECT_EQ(decoded.status().code(), absl::StatusCode::kInvalidArgument);
      ++refused;
    }
  }
  EXPECT_GT(refused, 100u);
}

TEST(AttemptRecords, UsesAreVisitedAsTheyWouldBeDecoded) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Random random(seed);
    std::string bytes = EncodeAttemptRecords(AnyRecords(random));
    for (int round = 0; round < 10; ++round) {
      const auto decoded = DecodeAttemptRecords(bytes);
      std::vector<AttemptUse> uses;
      const absl::Status visited = VisitAttemptUses(
          bytes, [&](const AttemptUse& use) { uses.push_back(use); });
      // Texts that do not fit are none of its business.
      if (!visited.ok()) {
        EXPECT_FALSE(decoded.ok()) << visited;
        EXPECT_TRUE(uses.empty());
      }
      if (decoded.ok()) {
        ASSERT_EQ(uses.size(), decoded->size()) << "seed " << seed;
        for (size_t i = 0; i < uses.size(); ++i) {
          const AttemptRecord& record = (*decoded)[i];
          EXPECT_EQ(uses[i].task, record.task);
          EXPECT_EQ(uses[i].fence, record.fence);
          EXPECT_EQ(uses[i].ending, record.ending);
          EXPECT_EQ(uses[i].ended_at, record.ended_at);
          EXPECT_EQ(uses[i].wall, record.wall);
          EXPECT_EQ(uses[i].usage, record.usage);
        }
      }
      if (bytes.empty()) break;
      bytes[random.Below(bytes.size())] ^=
          static_cast<char>(1u << random.Below(8));
    }
  }
}

TEST(AttemptRecords, TimesAreCountedWithoutReadingTheRest) {
  static constexpr std::array kBounds = {0.001, 1.0, 10.0};
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Random random(seed);
    const std::vector<AttemptRecord> records = AnyRecords(random);
    std::string bytes = EncodeAttemptRecords(records);
    BucketCounts wanted(kBounds);
    for (const AttemptRecord& record : records) wanted.Observe(record.wall);
    BucketCounts counts(kBounds);
    EXPECT_FALSE(ObserveWalls(bytes, records.size() + 1, counts));
    EXPECT_EQ(counts.total(), 0u);
    ASSERT_TRUE(ObserveWalls(bytes, records.size(), counts)) << seed;
    for (size_t at = 0; at <= kBounds.size(); ++at) {
      EXPECT_EQ(counts.count(at), wanted.count(at));
    }
    // Bytes from outside do no harm.
    for (int i = 0; i < 20 && !bytes.empty(); ++i) {
      bytes[random.Below(bytes.size())] = static_cast<char>(random.Below(256));
      ObserveWalls(bytes, records.size(), counts);
      ObserveWalls(bytes.substr(0, random.Below(bytes.size())), records.size(),
                   counts);
    }
  }
}

}  // namespace
}  // namespace remuda
