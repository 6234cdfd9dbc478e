#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "coordinator/core/event.h"
#include "coordinator/store/database.h"
#include "jobs/ids.h"
#include "jobs/states.h"
#include "jobs/verdict/evidence.h"

namespace remuda {

// Adds up what attempts used, from the results as they are written: for each
// kind of work (owner, job type, function, executor, cores of its agents) and
// for each job of more than a few attempts. Sums are kept in memory and
// written at most once a second and at the end of such a job, a row each, in
// the transaction of the results; a coordinator that is killed forgets the
// rest. Of a stream of jobs of few attempts each, what came in the last second
// waits for the next transaction after it.
// What evidence means is not decided here (jobs/verdict/).
//
// Thread: that of its Store.
// Lifetime: ends before the database.
class EvidenceKeeper {
 public:
  static constexpr Duration kKeptBackMax = std::chrono::seconds(1);
  // Jobs with fewer attempts have no row of their own.
  static constexpr double kJobAttemptsMin = 8;
  // When a job begins, what is older counts as no more attempts than this, or
  // as half of them: code changes, and so does what it needs.
  static constexpr double kOldAttemptsMax = 2'000;
  // Of a kind, jobs with few attempts that are written at their ends in
  // kKeptBackMax; others wait for it to be over.
  static constexpr uint64_t kSmallWritesMax = 8;
  // Of a job on one agent. Of what comes after, one event in kOneIn is looked
  // at, or one in kPassedOverMax, and counts for those that were passed over
  // before it. That is less than a pause in which nothing ran (EvidenceBatch).
  static constexpr uint64_t kAllLookedAtMax = 20'000;
  static constexpr uint64_t kOneIn = 8;
  static constexpr Duration kPassedOverMax = std::chrono::milliseconds(500);
  // Jobs and kinds whose sums are held; with more, all are written and let go.
  static constexpr size_t kJobsHeldMax = 1'024;

  // Errors of all: those of Database.
  static absl::StatusOr<EvidenceKeeper> Prepare(Database& database);

  // Spares the first look at the job's rows.
  void OnJobAccepted(const JobAccepted& event);
  // Records that cannot be read are left out.
  absl::Status Add(const AttemptsEnded& event);
  void OnAgentRegistered(AgentId agent) { agents_.erase(agent); }
  void OnJobFinished(const JobFinished& event);
  // What its attempts use from here on is of another kind of work.
  absl::Status OnExecutorChosen(const ExecutorChosen& event);

  // Writes what is due and returns how many rows those were.
  absl::StatusOr<uint64_t> WriteDue();

 private:
  enum Sql : size_t {
    kSelectJob,
    kSelectAgent,
    kSelectKind,
    kPutKind,
    kSelectShare,
    kPutShare,
    kSqlCount,
  };

  // Of one job on agents of one size; not written yet.
  struct Share {
    Evidence for_kind;
    Evidence for_job;
    bool is_aged = false;  // what others left was made to count less
    bool has_row = false;  // of the job's own
  };
  // Of one job on one agent.
  struct OnAgent {
    std::optional<WallTime> active_to;  // how far active time is counted
    uint64_t attempts = 0;
    uint64_t passed_over = 0;  // since one was looked at
    uint64_t events = 0;       // likewise
    WallTime looked_at{};

    // What the next event of so many attempts counts for; 0: it is passed over.
    double NextWeight(uint64_t count, WallTime at);
  };
  struct JobEntry {
    std::string owner;
    std::string type;
    std::string function;
    ExecutorKind executor = ExecutorKind::kProcessPool;
    std::map<uint64_t, Share> shares;  // by cores
    std::map<AgentId, OnAgent> agents;
    WallTime written_at{};
    bool is_dirty = false;
    bool is_finished = false;
  };
  // Accepted lately, without results so far.
  struct FreshJob {
    std::string owner;
    std::string type;
    ExecutorKind executor = ExecutorKind::kProcessPool;
    std::shared_ptr<const std::string> body;
  };
  // Owner, type, function, executor, cores.
  using KindKey =
      std::tuple<std::string, std::string, std::string, ExecutorKind, uint64_t>;
  // Not written yet.
  struct Kind {
    Evidence fresh;
    JobId newest;
    bool ages = false;  // what others left shall count less
    WallTime second{};  // when the second of these began
    uint64_t small_writes = 0;
  };
  struct Agent {
    uint64_t cores = 1;
    std::array<uint64_t, kExecutorKinds> slots{};
    uint64_t memory_bytes = 0;
  };

  absl::StatusOr<JobEntry*> FindJob(JobId job);
  absl::StatusOr<Agent> FindAgent(AgentId agent);
  std::string FunctionOf(const std::string& type, const std::string& body);
  absl::StatusOr<uint64_t> WriteJob(JobId id, JobEntry& job);
  absl::StatusOr<uint64_t> WriteDueKinds();
  absl::Status WriteKind(const KindKey& key, Kind& kind);
  // False, and written later, while it is too little for a row.
  absl::StatusOr<bool> WriteShare(JobId id, ExecutorKind executor,
                                  uint64_t cores, Share& share);
  Statement& Get(Sql sql) { return statements_[sql]; }

  std::array<Statement, kSqlCount> statements_;
  std::map<JobId, FreshJob> fresh_;  // the newest, at most kJobsHeldMax
  std::map<JobId, JobEntry> jobs_;
  std::map<KindKey, Kind> kinds_;
  // By definition: a stream of small jobs repeats itself.
  std::map<std::string, std::string> functions_;
  std::map<AgentId, Agent> agents_;
  WallTime now_{};  // the time of the newest event
};

}  // namespace remuda
