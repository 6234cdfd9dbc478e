#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/file_descriptor.h"
#include "base/random.h"
#include "coordinator/store/store.h"
#include "coordinator/store/store_test_support.h"

namespace remuda {
namespace {

// Accepts jobs and ends their tasks until it is killed; writes the number of
// each job to `acks` once its commit has returned.
[[noreturn]] void CommitForEver(const std::string& folder, int acks) {
  absl::StatusOr<Store> store = Store::Open({.folder = folder});
  if (!store.ok()) _exit(1);
  for (uint64_t id = store->Load()->last_job.value + 1;; ++id) {
    std::vector<CommitUnit> units;
    units.push_back(AcceptRange({id}, "key-" + std::to_string(id), 2'048));
    units.push_back(SucceedChunk({id}, 0, 1'024, 1));
    units.push_back(SucceedChunk({id}, 1, 1'024, 1));
    if (!store->Commit(units).ok()) _exit(2);
    if (write(acks, &id, sizeof(id)) != sizeof(id)) _exit(3);
  }
}

// Reads up to `count_max` acknowledged jobs, fewer if the writer ended.
std::set<uint64_t> ReadAcks(int acks, uint64_t count_max) {
  std::set<uint64_t> jobs;
  uint64_t id = 0;
  while (jobs.size() < count_max && read(acks, &id, sizeof(id)) == sizeof(id)) {
    jobs.insert(id);
  }
  return jobs;
}

TEST(StoreCrashTest, WhatWasAcknowledgedSurvivesKillNine) {
  const std::string folder = std::string(::testing::TempDir()) + "/store_crash";
  std::filesystem::remove_all(folder);
  Random random(20'240'711);
  std::set<uint64_t> acknowledged;
  for (int round = 0; round < 6; ++round) {
    absl::StatusOr<FdPair> pipe = MakePipe();
    CHECK_OK(pipe);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) CommitForEver(folder, pipe->second.get());
    pipe->second.Reset();
    // Killed wherever it happens to be after so many acknowledgements.
    acknowledged.merge(ReadAcks(pipe->first.get(), 5 + random.Below(60)));
    kill(child, SIGKILL);
    acknowledged.merge(ReadAcks(pipe->first.get(), UINT64_MAX));
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << status;

    absl::StatusOr<Store> store = Store::Open({.folder = folder});
    ASSERT_TRUE(store.ok()) << store.status();
    const absl::StatusOr<StoredState> state = store->Load();
    ASSERT_TRUE(state.ok()) << state.status();
    std::set<uint64_t> stored;
    for (const StoredJob& job : state->jobs) {
      stored.insert(job.summary.id.value);
    }
    for (const uint64_t id : acknowledged) {
      EXPECT_TRUE(stored.contains(id)) << "job " << id << " is lost";
    }
    // A job and its tasks are there together or not at all.
    EXPECT_EQ(state->chunks.size(), 2 * state->jobs.size());
  }
  EXPECT_GE(acknowledged.size(), 30u);
  std::filesystem::remove_all(folder);
}

// A folder as a crash left it: many commits in the log that were not moved to
// the database, to be copied and damaged.
class DamagedLogTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kJobs = 40;

  DamagedLogTest() {
    std::filesystem::remove_all(folder_);
    std::filesystem::remove_all(copy_);
    absl::StatusOr<FdPair> pipe = MakePipe();
    CHECK_OK(pipe);
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) CommitForEver(folder_, pipe->second.get());
    pipe->second.Reset();
    ReadAcks(pipe->first.get(), kJobs);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    log_bytes_ = std::filesystem::file_size(folder_ + "/" + kLog);
  }

  ~DamagedLogTest() override {
    std::filesystem::remove_all(folder_);
    std::filesystem::remove_all(copy_);
  }

  // The jobs that are there after the damage, which are the first ones.
  uint64_t JobsAfter(
      const std::function<void(const std::string& log)>& damage) {
    std::filesystem::remove_all(copy_);
    std::filesystem::copy(folder_, copy_,
                          std::filesystem::copy_options::recursive);
    damage(copy_ + "/" + kLog);
    absl::StatusOr<Store> store = Store::Open({.folder = copy_});
    EXPECT_TRUE(store.ok()) << store.status();
    if (!store.ok()) return 0;
    const absl::StatusOr<StoredState> state = store->Load();
    EXPECT_TRUE(state.ok()) << state.status();
    if (!state.ok()) return 0;
    for (size_t i = 0; i < state->jobs.size(); ++i) {
      EXPECT_EQ(state->jobs[i].summary.id.value, i + 1);
    }
    EXPECT_EQ(state->chunks.size(), 2 * state->jobs.size());
    // It goes on from there.
    CommitUnit next = AcceptRange({state->jobs.size() + 1}, "next", 1);
    EXPECT_TRUE(store->Commit({&next, 1}).ok());
    return state->jobs.size();
  }

  static constexpr char kLog[] = "remuda.sqlite-wal";
  const std::string folder_ =
      std::string(::testing::TempDir()) + "/store_damaged";
  const std::string copy_ = folder_ + "_copy";
  uint64_t log_bytes_ = 0;
};

TEST_F(DamagedLogTest, ATornTailLosesNoEarlierCommit) {
  const uint64_t whole = JobsAfter([](const std::string&) {});
  EXPECT_GE(whole, kJobs);
  Random random(20'261'123);
  uint64_t before = 0;
  for (uint64_t part = 0; part <= 12; ++part) {
    const uint64_t kept =
        part == 12 ? log_bytes_ - 1
                   : log_bytes_ * part / 12 + random.Below(log_bytes_ / 12);
    const uint64_t jobs = JobsAfter([&](const std::string& log) {
      std::filesystem::resize_file(log, kept);
    });
    EXPECT_GE(jobs, before) << kept;
    EXPECT_LE(jobs, whole) << kept;
    before = jobs;
  }
  EXPECT_GE(before, whole - 1);
}

TEST_F(DamagedLogTest, ABlockOfZeroesEndsWhatIsTakenFromTheLog) {
  const uint64_t whole = JobsAfter([](const std::string&) {});
  for (uint64_t part = 0; part < 8; ++part) {
    const uint64_t at = log_bytes_ * part / 8 / 4'096 * 4'096;
    const uint64_t jobs = JobsAfter([&](const std::string& log) {
      FILE* file = fopen(log.c_str(), "r+");
      CHECK(file != nullptr);
      const std::string zeroes(4'096, '\0');
      CHECK(fseek(file, static_cast<long>(at), SEEK_SET) == 0);
      CHECK(fwrite(zeroes.data(), zeroes.size(), 1, file) == 1);
      CHECK(fclose(file) == 0);
    });
    EXPECT_LE(jobs, whole) << at;
  }
}

}  // namespace
}  // namespace remuda
