#include "agent/spool.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <fstream>
#include <string>

#include "absl/status/status.h"

namespace remuda {
namespace {

class SpoolTest : public testing::Test {
 protected:
  SpoolTest() {
    std::string folder = testing::TempDir() + "/spool_XXXXXX";
    options_.folder = mkdtemp(folder.data());
    options_.memory_bytes_max = 100;
    options_.bytes_max = 1000;
    options_.entries_max = 50;
  }

  std::unique_ptr<Spool> Open() {
    auto spool = Spool::Open(options_);
    EXPECT_TRUE(spool.ok()) << spool.status();
    return *std::move(spool);
  }

  int64_t FileBytes() {
    struct stat found = {};
    stat((options_.folder + "/results.spool").c_str(), &found);
    return found.st_size;
  }

  static Spool::Entry Frame(char fill, size_t size = 40) {
    return {.frame = std::string(size, fill), .term = {3}, .session = {4}};
  }

  SpoolOptions options_;
};

TEST_F(SpoolTest, GivesBackWhatIsNotReleasedWhereverItLies) {
  auto spool = Open();
  for (uint64_t i = 1; i <= 5; ++i) {
    spool->Append(i, Frame(static_cast<char>('a' + i)));
  }
  EXPECT_EQ(FileBytes(), 3 * 40);  // two fit the memory
  EXPECT_EQ(spool->bytes(), 200u);
  for (uint64_t i = 1; i <= 5; ++i) {
    const auto entry = spool->Read(i);
    ASSERT_TRUE(entry.ok());
    EXPECT_EQ(entry->frame, std::string(40, static_cast<char>('a' + i)));
    EXPECT_EQ(entry->session, SessionId{4});
  }
  spool->ReleaseUpTo(4);
  EXPECT_EQ(spool->entries(), 1u);
  EXPECT_EQ(spool->Read(5)->frame, std::string(40, 'f'));
  spool->ReleaseUpTo(5);
  EXPECT_EQ(spool->bytes(), 0u);
  EXPECT_EQ(FileBytes(), 0);
  spool->Append(6, Frame('z'));
  EXPECT_EQ(spool->Read(6)->frame, std::string(40, 'z'));
}

TEST_F(SpoolTest, IsFullAtItsBoundsAndTakesMoreAllTheSame) {
  auto spool = Open();
  uint64_t next = 1;
  while (!spool->full()) spool->Append(next++, Frame('x', 100));
  EXPECT_EQ(next, 11u);
  spool->Append(next, Frame('y', 100));
  EXPECT_EQ(spool->Read(next)->frame, std::string(100, 'y'));
  spool->ReleaseUpTo(next);
  EXPECT_FALSE(spool->full());
  for (size_t i = 0; i < options_.entries_max; ++i) {
    spool->Append(++next, Frame('x', 1));
  }
  EXPECT_TRUE(spool->full());
}

TEST_F(SpoolTest, DiscardsWhatAnEarlierAgentLeft) {
  {
    auto spool = Open();
    for (uint64_t i = 1; i <= 5; ++i) spool->Append(i, Frame('x'));
  }
  auto spool = Open();
  EXPECT_EQ(spool->bytes_discarded(), 120u);
  EXPECT_EQ(spool->entries(), 0u);
  EXPECT_EQ(FileBytes(), 0);
}

TEST_F(SpoolTest, AFolderBelongsToOneAgent) {
  auto spool = Open();
  const absl::Status second = Spool::Open(options_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(second)) << second;
}

TEST_F(SpoolTest, AMissingFolderIsAnError) {
  options_.folder += "/none";
  EXPECT_TRUE(absl::IsNotFound(Spool::Open(options_).status()));
}

TEST_F(SpoolTest, AFileThatWasCutIsNoticed) {
  auto spool = Open();
  for (uint64_t i = 1; i <= 5; ++i) spool->Append(i, Frame('x'));
  std::ofstream(options_.folder + "/results.spool", std::ios::trunc);
  EXPECT_TRUE(spool->Read(1).ok());
  EXPECT_TRUE(absl::IsDataLoss(spool->Read(5).status()));
}

}  // namespace
}  // namespace remuda
