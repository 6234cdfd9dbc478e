#include "agent/result_log.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace remuda {
namespace {

class ResultLogTest : public testing::Test {
 protected:
  ResultLogTest() {
    std::string folder = testing::TempDir() + "/log_XXXXXX";
    path_ = std::string(mkdtemp(folder.data())) + "/results.log";
  }

  ResultLog Open() {
    absl::StatusOr<ResultLog> log = ResultLog::Open(path_);
    EXPECT_TRUE(log.ok()) << log.status();
    return *std::move(log);
  }

  // Three frames of 10, 20 and 30 bytes.
  void WriteThree() {
    ResultLog log = Open();
    for (uint64_t i = 1; i <= 3; ++i) {
      ASSERT_TRUE(log.Append(i, Frame(i), "generation").ok());
    }
    size_ = log.bytes();
  }
  static std::string Frame(uint64_t i) {
    return std::string(10 * i, static_cast<char>('a' + i));
  }

  // How many frames of the three are there, each of them whole.
  size_t Recovered(uint64_t* damaged = nullptr) {
    ResultLog log = Open();
    const absl::StatusOr<ResultLog::Recovered> recovered = log.Recover();
    EXPECT_TRUE(recovered.ok()) << recovered.status();
    if (!recovered.ok()) return 0;
    if (damaged != nullptr) *damaged = recovered->bytes_damaged;
    uint64_t next = 1;
    for (const auto& frame : recovered->frames) {
      EXPECT_EQ(frame.sequence, next);
      EXPECT_EQ(*log.Read(next, frame.place), Frame(next));
      ++next;
    }
    EXPECT_TRUE(next == 1 || recovered->generation == "generation");
    return recovered->frames.size();
  }

  std::string Bytes() {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void Write(const std::string& bytes) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
  }

  std::string path_;
  uint64_t size_ = 0;
};

TEST_F(ResultLogTest, GivesBackWhatAnEarlierProcessWrote) {
  WriteThree();
  uint64_t damaged = 1;
  EXPECT_EQ(Recovered(&damaged), 3u);
  EXPECT_EQ(damaged, 0u);
}

TEST_F(ResultLogTest, WhereverItIsCutTheFramesBeforeAreGood) {
  WriteThree();
  const std::string whole = Bytes();
  ASSERT_EQ(whole.size(), size_);
  size_t before = 0;
  for (size_t size = 0; size < whole.size(); ++size) {
    Write(whole.substr(0, size));
    uint64_t damaged = 0;
    const size_t frames = Recovered(&damaged);
    EXPECT_TRUE(frames == before || frames == before + 1);
    before = frames;
    EXPECT_LE(damaged, size);
  }
  EXPECT_EQ(before, 2u);
}

TEST_F(ResultLogTest, NoByteThatChangedGoesUnnoticed) {
  WriteThree();
  const std::string whole = Bytes();
  // Beyond the name and the version, whose change makes it another file.
  for (size_t at = 12; at < whole.size(); ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x40);
    Write(bytes);
    EXPECT_LT(Recovered(), 3u) << at;
  }
}

TEST_F(ResultLogTest, GoesOnBehindTheLastGoodFrame) {
  WriteThree();
  Write(Bytes().substr(0, size_ - 1));
  {
    ResultLog log = Open();
    ASSERT_EQ(log.Recover()->frames.size(), 2u);
    ASSERT_TRUE(log.Append(3, Frame(3), "generation").ok());
  }
  EXPECT_EQ(Recovered(), 3u);
}

TEST_F(ResultLogTest, RoomThatNothingWasWrittenToIsDamage) {
  Write(std::string(4096, '\0'));
  uint64_t damaged = 0;
  EXPECT_EQ(Recovered(&damaged), 0u);
  EXPECT_EQ(damaged, 4096u);
}

TEST_F(ResultLogTest, OtherFilesAreRefused) {
  Write("something that is not a log at all");
  EXPECT_TRUE(absl::IsInvalidArgument(Open().Recover().status()));
  WriteThree();
  std::string bytes = Bytes();
  bytes[8] = ResultLog::kVersion + 1;
  Write(bytes);
  const absl::Status newer = Open().Recover().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(newer)) << newer;
}

TEST_F(ResultLogTest, ALengthBeyondTheFileReservesNoMemory) {
  WriteThree();
  std::string bytes = Bytes();
  const size_t generation = 12 + 28 + 10;
  bytes.replace(generation, 4, "\xff\xff\xff\x7f");
  Write(bytes);
  EXPECT_EQ(Recovered(), 0u);
}

TEST_F(ResultLogTest, AFullDiskIsAnErrorAndLeavesTheFileAsItWas) {
  auto log = ResultLog::Open("/dev/full");
  if (!log.ok()) GTEST_SKIP() << log.status();
  EXPECT_TRUE(absl::IsInternal(log->Append(1, "x", "g").status()) ||
              absl::IsResourceExhausted(log->Append(1, "x", "g").status()));
  EXPECT_EQ(log->bytes(), 0u);
}

}  // namespace
}  // namespace remuda
