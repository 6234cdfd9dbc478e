#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/core/input.h"
#include "coordinator/store/commit_unit.h"
#include "coordinator/store/data_folder.h"
#include "coordinator/store/database.h"
#include "coordinator/store/evidence_keeper.h"
#include "jobs/ids.h"

namespace remuda {

enum class Durability {
  kFull,     // a commit is on the disk
  kRelaxed,  // survives kill -9, not the loss of power
};

struct StoreOptions {
  std::string folder;
  Durability durability = Durability::kFull;
};

// What one transaction cost, for the metrics.
struct CommitFacts {
  uint64_t rows = 0;
  uint64_t units = 0;
};

// Remembers what the core decided, in one SQLite file of a locked folder.
// Decides nothing, but refuses what must never be: a version of a chunk out of
// turn, a task or job that leaves a final state. After an error nothing may be
// acknowledged any more: the owner stops the process.
//
// Thread: confined to the one that calls it, usually the StoreThread's.
// Lifetime: holds the folder's lock.
class Store {
 public:
  // Logs of one stream of one attempt that are kept; the rest is dropped.
  static constexpr uint64_t kLogBytesMax = 16u << 20;

  // Errors: FailedPrecondition if the folder is in use or of a newer format;
  //         those of DataFolder and Database.
  static absl::StatusOr<Store> Open(const StoreOptions& options);

  Store(Store&&) = default;

  // Everything that lives, for Core::Restore. Errors: DataLoss.
  absl::StatusOr<StoredState> Load();

  // One transaction for all units; then the Grants among their sends have
  // the items of their ranges. Errors: those of Database; FailedPrecondition
  // for what must never be. Nothing of the units is stored then.
  absl::StatusOr<CommitFacts> Commit(std::span<CommitUnit> units);

  // Whether the write-ahead log has grown enough to be moved into the file.
  bool checkpoint_due() const;
  // Moves what no reader needs any more. Errors: those of Database.
  absl::Status Checkpoint();

  // Names this store for ever; made by random when the folder was new.
  const std::string& generation() const { return generation_; }
  const DataFolder& folder() const { return folder_; }

 private:
  enum Sql : size_t;
  static constexpr size_t kSqlCount = 24;
  struct Batch;

  Store(DataFolder folder, Database database);
  absl::Status Prepare();
  absl::Status ReadMarks();

  absl::Status WriteUnits(std::span<CommitUnit> units, Batch& batch);
  absl::Status Write(const Event& event, const CommitUnit& unit, Batch& batch);
  // Rows of the history that were gathered.
  absl::Status WriteHistory(Batch& batch);
  absl::Status DeleteGrants(Batch& batch);
  absl::Status WriteFact(const JobAccepted& event, const CommitUnit& unit,
                         Batch& batch);
  absl::Status WriteFact(const AgentRegistered& event, const CommitUnit& unit,
                         Batch& batch);
  absl::Status WriteFact(const AgentLeft& event, const CommitUnit& unit,
                         Batch& batch);
  absl::Status WriteFact(const TasksGranted& event, const CommitUnit& unit,
                         Batch& batch);
  absl::Status WriteFact(const AttemptsEnded& event, const CommitUnit& unit,
                         Batch& batch);
  absl::Status WriteFact(const JobCancelRequested& event,
                         const CommitUnit& unit, Batch& batch);
  absl::Status WriteFact(const TermStarted& event, const CommitUnit& unit,
                         Batch& batch);
  absl::Status WriteFact(const FindingsNoted& event, const CommitUnit& unit,
                         Batch& batch);
  absl::Status WriteFact(const ExecutorChosen& event, const CommitUnit& unit,
                         Batch& batch);
  absl::Status WriteFact(const TasksReturned&, const CommitUnit&, Batch&);
  absl::Status WriteFact(const JobFinished&, const CommitUnit&, Batch&);
  absl::Status WriteLog(const LogChunk& log, Batch& batch);
  absl::Status WriteLearned(const LearnedKind& learned, Batch& batch);
  absl::Status WriteChunks(Batch& batch);
  // The row of what changes, before anything has.
  absl::Status InsertFreshJob(JobId job, Batch& batch);
  absl::Status WriteSummaries(Batch& batch);
  absl::Status ResolveItems(CommitUnit& unit);
  absl::Status ResolveItems(GrantedRange& range);
  absl::Status Mark(const char* name, uint64_t value, Batch& batch);

  absl::Status LoadJobs(StoredState& state);
  absl::Status LoadChunks(StoredState& state);
  absl::Status LoadGrants(StoredState& state);
  absl::Status LoadAgents(StoredState& state);

  // Runs a statement whose parameters are bound and counts its row.
  absl::Status Run(Sql sql, Batch& batch);
  Statement& Get(Sql sql) { return statements_[sql]; }

  DataFolder folder_;
  // Set by SQLite at each commit; on the heap, as the Store may move.
  std::unique_ptr<int> log_pages_ = std::make_unique<int>(0);
  Database database_;
  std::array<Statement, kSqlCount> statements_;  // end before the database
  EvidenceKeeper evidence_;                      // likewise
  std::string generation_;
  uint64_t next_event_ = 1;
  std::set<JobId> list_jobs_;  // live ones with items
};

}  // namespace remuda
