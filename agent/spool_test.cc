#include "agent/spool.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
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

  std::string Path(int file) {
    return options_.folder + "/results." + std::to_string(file) + ".log";
  }
  int64_t FileBytes(int file = 0) {
    struct stat found = {};
    stat(Path(file).c_str(), &found);
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
  EXPECT_GT(FileBytes(), 5 * 40);  // two would have fit the memory
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
  EXPECT_GT(next, 5u);
  EXPECT_LT(next, 11u);
  spool->Append(next, Frame('y', 100));
  EXPECT_EQ(spool->Read(next)->frame, std::string(100, 'y'));
  spool->ReleaseUpTo(next);
  EXPECT_FALSE(spool->full());
  for (size_t i = 0; i < options_.entries_max; ++i) {
    spool->Append(++next, Frame('x', 1));
  }
  EXPECT_TRUE(spool->full());
}

TEST_F(SpoolTest, WhatIsConfirmedInTimeIsNeverWritten) {
  options_.memory_bytes_max = 1000;
  auto spool = Open();
  for (uint64_t i = 1; i <= 5; ++i) {
    spool->Append(i, Frame('x'));
    spool->Keep(0);
    spool->ReleaseUpTo(i);
  }
  EXPECT_EQ(FileBytes(), 0);
  EXPECT_EQ(FileBytes(1), 0);
}

TEST_F(SpoolTest, WhatWasKeptIsTheNextProcesss) {
  options_.memory_bytes_max = 1000;
  {
    auto spool = Open();
    spool->SetGeneration("g");
    for (uint64_t i = 1; i <= 5; ++i) {
      spool->Append(i, Frame(static_cast<char>('a' + i)));
    }
    spool->ReleaseUpTo(2);
    spool->Keep(4);
    EXPECT_EQ(spool->synced_up_to(), 4u);
  }
  for (int process = 2; process <= 3; ++process) {
    auto spool = Open();
    EXPECT_EQ(spool->inheritance().generation, "g");
    EXPECT_EQ(spool->inheritance().first, 3u);
    EXPECT_EQ(spool->inheritance().entries, 2u);
    EXPECT_EQ(spool->Read(3)->frame, std::string(40, 'd'));
    EXPECT_EQ(spool->Read(4)->frame, std::string(40, 'e'));
    EXPECT_EQ(spool->Read(4)->session, SessionId{});
  }
  auto spool = Open();
  spool->Append(5, Frame('z'));
  spool->Keep(5);
  spool->ReleaseUpTo(4);
  EXPECT_EQ(spool->Read(5)->frame, std::string(40, 'z'));
  spool->ReleaseUpTo(5);
  EXPECT_EQ(FileBytes(), 0);
  EXPECT_EQ(Open()->inheritance().entries, 0u);
}

TEST_F(SpoolTest, TheFilesTakeTurnsAndAreBothTheNextProcesss) {
  options_.file_bytes = 200;
  options_.bytes_max = 100'000;
  options_.memory_bytes_max = 0;
  auto spool = Open();
  uint64_t next = 1;
  while (FileBytes(1) == 0) spool->Append(next++, Frame('x'));
  EXPECT_GE(FileBytes(0), 200);
  EXPECT_EQ(Open()->inheritance().entries, next - 1);
  // However long it goes on, with something always unconfirmed.
  for (int i = 0; i < 1000; ++i) {
    spool->Append(next++, Frame('y'));
    spool->ReleaseUpTo(next - 4);
    EXPECT_LT(FileBytes(0) + FileBytes(1), 1000);
  }
  spool.reset();
  auto heir = Open();
  EXPECT_EQ(heir->Read(next - 1)->frame, std::string(40, 'y'));
  heir->Append(next, Frame('z'));
  EXPECT_EQ(heir->Read(next)->frame, std::string(40, 'z'));
}

TEST_F(SpoolTest, ATornTailCostsOnlyItself) {
  {
    auto spool = Open();
    for (uint64_t i = 1; i <= 5; ++i) spool->Append(i, Frame('x'));
    spool->Keep(5);
  }
  std::filesystem::resize_file(Path(0), static_cast<uint64_t>(FileBytes()) - 5);
  auto spool = Open();
  EXPECT_EQ(spool->inheritance().entries, 4u);
  EXPECT_GT(spool->inheritance().bytes_damaged, 0u);
}

TEST_F(SpoolTest, DamageInTheFirstFileLeavesTheSecond) {
  options_.file_bytes = 200;
  options_.memory_bytes_max = 0;
  {
    auto spool = Open();
    for (uint64_t i = 1; i <= 6; ++i) {
      spool->Append(i, Frame(static_cast<char>('a' + i)));
    }
    ASSERT_GT(FileBytes(1), 0);
  }
  std::filesystem::resize_file(Path(0), static_cast<uint64_t>(FileBytes()) - 5);
  auto spool = Open();
  const Spool::Inheritance& left = spool->inheritance();
  ASSERT_EQ(left.entries, 5u);
  EXPECT_EQ(spool->Read(left.first)->frame, std::string(40, 'b'));
  EXPECT_EQ(spool->Read(left.first + 4)->frame, std::string(40, 'g'));
}

TEST_F(SpoolTest, WhatIsOfAnotherAgentIsSetAside) {
  {
    auto spool = Open();
    spool->Append(1, Frame('x'));
    spool->Keep(1);
  }
  options_.takes_over = false;
  auto spool = Open();
  EXPECT_EQ(spool->inheritance().entries, 0u);
  EXPECT_EQ(spool->inheritance().set_aside.size(), 1u);
  EXPECT_TRUE(std::filesystem::exists(Path(0) + ".set-aside"));
}

TEST_F(SpoolTest, WhatIsNoLogIsSetAsideAndTheSpoolWorks) {
  std::ofstream(Path(0)) << "a file of somebody else's";
  {
    auto spool = Open();
    EXPECT_EQ(spool->inheritance().set_aside.size(), 1u);
    spool->Append(1, Frame('x'));
    spool->Keep(1);
    EXPECT_TRUE(spool->file_status().ok());
  }
  EXPECT_EQ(Open()->inheritance().entries, 1u);
}

TEST_F(SpoolTest, WithoutSuccessorsItDiscardsAndKeepsNothing) {
  {
    auto spool = Open();
    spool->Append(1, Frame('x'));
    spool->Keep(1);
  }
  options_.outlives_process = false;
  auto spool = Open();
  EXPECT_EQ(spool->inheritance().entries, 0u);
  EXPECT_EQ(FileBytes(), 0);
  spool->Append(1, Frame('x'));
  spool->Keep(1);
  EXPECT_EQ(FileBytes(), 0);
}

TEST_F(SpoolTest, AfterAFailedSyncItKeepsToTheMemory) {
  int syncs = 0;
  options_.memory_bytes_max = 1000;
  options_.sync = [&syncs](int) { return ++syncs == 2 ? EIO : 0; };
  auto spool = Open();
  spool->Append(1, Frame('x'));
  spool->Keep(1);
  EXPECT_EQ(spool->synced_up_to(), 1u);
  spool->Append(2, Frame('y'));
  spool->Keep(2);
  EXPECT_FALSE(spool->file_status().ok());
  EXPECT_EQ(spool->synced_up_to(), 1u);
  const int64_t bytes = FileBytes();
  for (uint64_t i = 3; i < 60; ++i) {
    spool->Append(i, Frame('z'));
    spool->Keep(i);
    EXPECT_EQ(spool->Read(i)->frame, std::string(40, 'z'));
  }
  EXPECT_EQ(syncs, 2);
  EXPECT_EQ(FileBytes(), bytes);
  EXPECT_TRUE(spool->full());
  spool->ReleaseUpTo(59);
  EXPECT_FALSE(spool->full());
  EXPECT_FALSE(spool->file_status().ok());
}

TEST_F(SpoolTest, AFullDiskIsTriedAgain) {
  options_.memory_bytes_max = 1000;
  auto spool = Open();
  struct rlimit before = {};
  getrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, SIG_IGN);
  const struct rlimit none = {.rlim_cur = 50, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &none), 0);
  spool->Append(1, Frame('x'));
  spool->Keep(1);
  EXPECT_FALSE(spool->file_status().ok());
  EXPECT_EQ(spool->Read(1)->frame, std::string(40, 'x'));
  EXPECT_EQ(FileBytes(), 0);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  spool->Keep(1);
  EXPECT_TRUE(spool->file_status().ok());
  EXPECT_EQ(spool->synced_up_to(), 1u);
  EXPECT_EQ(Open()->inheritance().entries, 1u);
}

TEST_F(SpoolTest, ASlowDiskHoldsNobodyUp) {
  std::promise<void> disk;
  std::promise<void> told;
  options_.memory_bytes_max = 1000;
  options_.sync = [&disk](int) {
    disk.get_future().wait();
    return 0;
  };
  options_.on_sync = [&told] { told.set_value(); };
  auto spool = Open();
  spool->Append(1, Frame('x'));
  spool->Keep(1);
  spool->Append(2, Frame('y'));
  spool->Keep(2);
  spool->Poll();
  EXPECT_EQ(spool->synced_up_to(), 0u);
  options_.sync = nullptr;
  disk.set_value();
  told.get_future().wait();
  disk = std::promise<void>();
  disk.set_value();
  told = std::promise<void>();
  spool->Poll();
  EXPECT_EQ(spool->synced_up_to(), 1u);
  told.get_future().wait();
  spool->Poll();
  EXPECT_EQ(spool->synced_up_to(), 2u);
}

TEST_F(SpoolTest, AMissingFolderIsAnError) {
  options_.folder += "/none";
  EXPECT_TRUE(absl::IsNotFound(Spool::Open(options_).status()));
}

TEST_F(SpoolTest, AFileThatWasCutIsNoticed) {
  auto spool = Open();
  for (uint64_t i = 1; i <= 5; ++i) spool->Append(i, Frame('x'));
  std::filesystem::resize_file(Path(0), 0);
  EXPECT_TRUE(spool->Read(1).ok());
  EXPECT_TRUE(absl::IsDataLoss(spool->Read(5).status()));
}

}  // namespace
}  // namespace remuda
