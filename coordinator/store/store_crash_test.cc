#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <set>

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

}  // namespace
}  // namespace remuda
