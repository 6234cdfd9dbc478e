#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/core/chunk.h"
#include "coordinator/core/input.h"
#include "coordinator/store/database.h"
#include "coordinator/store/history.h"
#include "coordinator/store/learned_kind.h"
#include "coordinator/store/stored_evidence.h"
#include "jobs/ids.h"
#include "wire/client_messages.h"

namespace remuda {

// Answers what clients ask, over a read-only connection: what is committed and
// nothing else. Knows nothing of sessions; each answer fits into one message.
//
// Errors of all: NotFound if there is no such job; InvalidArgument for an
//                index outside of it; those of Database.
//
// Thread: confined to its owner; several readers may work beside the store.
// Lifetime: opened after the Store has made the file.
class StoreReader {
 public:
  // Payload of a reply; one row more may follow it.
  static constexpr size_t kReplyBytesMax = 512u << 10;
  static constexpr size_t kRowsMax = 10'000;
  static constexpr uint64_t kJobsMax = 1'000;
  // Tasks that one request may look at, however few it returns.
  static constexpr uint64_t kTasksLookedAtMax = 1u << 20;

  static absl::StatusOr<StoreReader> Open(const std::string& database_path);

  // With an owner, as if there were no jobs but this owner's.
  using Owner = std::optional<std::string>;
  absl::StatusOr<JobSummaries> Jobs(const GetJobs& request,
                                    const Owner& owner = std::nullopt);
  absl::StatusOr<ResultPage> Results(const GetResults& request,
                                     const Owner& owner = std::nullopt);
  absl::StatusOr<LogPage> Logs(const GetLogs& request,
                               const Owner& owner = std::nullopt);

  // What is known of all kinds of work, those that ran last first.
  absl::StatusOr<std::vector<StoredEvidence>> EvidenceOfKinds(
      const Owner& owner = std::nullopt);
  // By size of agents: of the job alone if it had enough attempts, else of its
  // kind; if nothing is known, one entry whose evidence is empty.
  absl::StatusOr<std::vector<StoredEvidence>> EvidenceOfJob(
      JobId job, const Owner& owner = std::nullopt);

  // What was learned of kinds of work, the newest first. What cannot be read
  // is left out.
  absl::StatusOr<std::vector<LearnedKind>> LearnedKinds(
      const Owner& owner = std::nullopt);

  // Nothing is no error here.
  absl::StatusOr<std::optional<JobSummary>> FindJob(JobId job);
  absl::StatusOr<std::optional<StoredSubmission>> FindSubmission(
      const std::string& key);

  // The keys of all submissions, in order, from after that one on.
  absl::StatusOr<std::vector<std::string>> SubmissionKeys(
      const std::string& after, uint64_t count_max);

  // The history from event `after` + 1 on, at most `count_max` rows.
  absl::StatusOr<std::vector<HistoryRow>> History(uint64_t after,
                                                  uint64_t count_max);

 private:
  struct Page;

  // NotFound if there is no such job of that owner.
  absl::Status CheckOwner(JobId job, const Owner& owner);

  explicit StoreReader(Database database) : database_(std::move(database)) {}

  absl::StatusOr<Statement*> Prepared(const std::string& sql);
  absl::StatusOr<ResultPage> ReadResults(const GetResults& request);
  absl::StatusOr<LogPage> ReadLogs(const GetLogs& request);

  absl::Status OpenPage(JobId job, Page& page);
  absl::StatusOr<ChunkState> ReadChunk(JobId job, uint64_t chunk);
  // Adds the tasks from `first` up to `end`, all of one chunk, and says how
  // far it came.
  absl::StatusOr<TaskIndex> AddTasks(const GetResults& request,
                                     const ChunkState& chunk, TaskIndex first,
                                     TaskIndex end, Page& page);
  absl::Status AddItems(std::span<TaskRow> rows, Page& page);
  absl::Status AddRecords(const ChunkState& chunk, std::span<TaskRow> rows,
                          Page& page);
  absl::StatusOr<std::string> AgentName(AgentId agent, Page& page);

  Database database_;
  std::map<std::string, Statement> statements_;  // by text; end before it
};

}  // namespace remuda
