#include <gtest/gtest.h>

#include <filesystem>

#include "base/check.h"
#include "coordinator/core/core.h"
#include "coordinator/server/coordinator_server.h"
#include "coordinator/server/scripted_agent.h"
#include "coordinator/store/reader.h"
#include "coordinator/store/store.h"

namespace remuda {
namespace {

constexpr Now kNow = {.monotonic = MonotonicTime(std::chrono::hours(1)),
                      .wall = WallTime(std::chrono::hours(500'000))};

// Lets the agent work until the job has ended.
JobState RunToEnd(ScriptedPeer& client, ScriptedAgent& agent, JobId job) {
  while (true) {
    const JobState state =
        client.CallFor<JobSummaries>(GetJobs{.ids = {job}}).jobs.at(0).state;
    if (IsTerminal(state)) return state;
    agent.peer().loop().RunReady();
  }
}

// A coordinator's life with restarts, an agent that leaves, a cancel and jobs
// in every stage.
void Live(const std::string& folder, WireContext& context) {
  CoordinatorOptions options;
  options.data = folder;
  for (uint64_t round = 0; round < 3; ++round) {
    auto server = CoordinatorServer::Start(options, context);
    CHECK_OK(server);
    const std::string& endpoint = (*server)->endpoint();
    ScriptedPeer client(endpoint, context);
    const auto submit = [&](const std::string& key, uint64_t tasks) {
      return client
          .CallFor<Accepted>(Submit{.key = key + std::to_string(round),
                                    .jobs = {NoopJobJson(tasks)}})
          .jobs.at(0)
          .id;
    };
    ScriptedAgent agent(endpoint, context,
                        std::string(32, static_cast<char>('a' + round)));
    agent.Register(3'000);
    const JobId whole = submit("whole", 2'500);
    EXPECT_EQ(RunToEnd(client, agent, whole), JobState::kSucceeded);
    agent.works = false;
    agent.granted.clear();
    const JobId cancelled = submit("cancelled", 20'000);
    submit("waiting", 1'500);
    CHECK(agent.peer().WaitUntil([&] { return !agent.granted.empty(); }));
    agent.Succeed(
        {.job = agent.granted[0].job,
         .executor = ExecutorKind::kAsync,
         .tasks = {.first = agent.granted[0].tasks.first + 3, .count = 100},
         .fence = agent.granted[0].fence});
    const uint64_t acked = agent.acked;
    CHECK(agent.peer().WaitUntil([&] { return agent.acked > acked; }));
    client.CallFor<CancelReply>(CancelJob{.job = cancelled});
    if (round != 1) {
      agent.Say(Goodbye{.reason = "leaves"});
      EXPECT_EQ(RunToEnd(client, agent, cancelled), JobState::kCancelled);
    }
    (*server)->Stop();
    EXPECT_TRUE((*server)->Join().ok());
  }
}

// R30 and R39: what the store holds and what its history says are one state.
TEST(CoordinatorReplayTest, TheHistoryLeadsToTheStoredState) {
  const std::string folder = std::string(::testing::TempDir()) + "/replay";
  std::filesystem::remove_all(folder);
  WireContext context;
  Live(folder, context);

  absl::StatusOr<Store> store = Store::Open({.folder = folder});
  CHECK_OK(store);
  const absl::StatusOr<StoredState> state = store->Load();
  CHECK_OK(state);
  EXPECT_FALSE(state->jobs.empty());
  Core restored{CoreOptions()};
  ASSERT_TRUE(restored.Restore(kNow, *state).ok());

  absl::StatusOr<StoreReader> reader =
      StoreReader::Open(store->folder().database_path());
  CHECK_OK(reader);
  Core replayed{CoreOptions()};
  uint64_t seen = 0;
  while (true) {
    const absl::StatusOr<std::vector<HistoryRow>> rows =
        reader->History(seen, 50);
    CHECK_OK(rows);
    if (rows->empty()) break;
    for (const HistoryRow& row : *rows) {
      const absl::StatusOr<Event> event = FromHistory(row);
      ASSERT_TRUE(event.ok()) << event.status();
      replayed.Apply(*event);
      ++seen;
    }
  }
  EXPECT_GT(seen, 30u);
  // The restored core has begun a term that is not stored yet.
  for (const Event& event : restored.TakeOutput().events) {
    replayed.Apply(event);
  }
  EXPECT_EQ(replayed.StateDigest(), restored.StateDigest());
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace remuda
