// The part of Store that reads everything back after a restart.

#include <utility>
#include <variant>

#include "coordinator/store/history.h"
#include "coordinator/store/store.h"
#include "coordinator/store/stored_rows.h"

namespace remuda {
namespace {

// Calls `read` for each row; it may refuse one.
template <typename Read>
absl::Status ForEachRow(Database& database, const std::string& sql,
                        const Read& read) {
  absl::StatusOr<Statement> statement = database.Prepare(sql);
  if (!statement.ok()) return statement.status();
  absl::StatusOr<bool> row = statement->Step();
  for (; row.ok() && *row; row = statement->Step()) {
    const absl::Status status = read(*statement);
    if (!status.ok()) return status;
  }
  return row.status();
}

}  // namespace

absl::StatusOr<StoredState> Store::Load() {
  StoredState state;
  // One view of the file, though nobody else writes.
  absl::Status status = database_.Execute("BEGIN");
  if (status.ok()) status = LoadJobs(state);
  if (status.ok()) status = LoadChunks(state);
  if (status.ok()) status = LoadGrants(state);
  if (status.ok()) status = LoadAgents(state);
  const absl::Status end = database_.Execute("COMMIT");
  if (status.ok()) status = end;
  if (!status.ok()) return status;
  state.generation = generation_;
  return state;
}

absl::Status Store::LoadJobs(StoredState& state) {
  absl::Status status =
      ForEachRow(database_, SelectJobSql() + "WHERE j.state < 4 ORDER BY j.job",
                 [&](const Statement& row) -> absl::Status {
                   absl::StatusOr<StoredJob> job = ReadStoredJob(row);
                   if (job.ok()) state.jobs.push_back(*std::move(job));
                   return job.status();
                 });
  if (!status.ok()) return status;
  return ForEachRow(database_,
                    "SELECT (SELECT value FROM meta WHERE name = 'term'), "
                    "(SELECT value FROM meta WHERE name = 'last_grant'), "
                    "(SELECT COALESCE(MAX(id), 0) FROM agents), "
                    "(SELECT COALESCE(MAX(job), 0) FROM jobs)",
                    [&](const Statement& row) {
                      state.term = {row.Unsigned(0)};
                      state.last_grant = {row.Unsigned(1)};
                      state.last_agent = {row.Unsigned(2)};
                      state.last_job = {row.Unsigned(3)};
                      return absl::OkStatus();
                    });
}

absl::Status Store::LoadChunks(StoredState& state) {
  return ForEachRow(database_,
                    "SELECT c.job, c.chunk, c.version, c.state FROM jobs j "
                    "JOIN chunks c ON c.job = j.job WHERE j.state < 4 "
                    "ORDER BY c.job, c.chunk",
                    [&](const Statement& row) {
                      state.chunks.push_back({.job = {row.Unsigned(0)},
                                              .chunk = row.Unsigned(1),
                                              .version = row.Unsigned(2),
                                              .state = row.Text(3)});
                      return absl::OkStatus();
                    });
}

absl::Status Store::LoadGrants(StoredState& state) {
  return ForEachRow(
      database_,
      "SELECT id, job, agent, first, count, fence, at FROM grants ORDER BY id",
      [&](const Statement& row) {
        state.grants.push_back(
            {.grant = {row.Unsigned(0)},
             .job = {row.Unsigned(1)},
             .agent = {row.Unsigned(2)},
             .tasks = {.first = row.Unsigned(3), .count = row.Unsigned(4)},
             .fence = {static_cast<uint32_t>(row.Unsigned(5))},
             .at = FromNanoseconds(row.Int(6))});
        return absl::OkStatus();
      });
}

absl::Status Store::LoadAgents(StoredState& state) {
  return ForEachRow(database_,
                    "SELECT body, registered_at FROM agents WHERE left_at IS "
                    "NULL ORDER BY id",
                    [&](const Statement& row) -> absl::Status {
                      const absl::StatusOr<Event> event =
                          FromHistory({.at = FromNanoseconds(row.Int(1)),
                                       .kind = "agent_registered",
                                       .job = {},
                                       .body = row.Text(0)});
                      if (!event.ok()) return event.status();
                      state.agents.push_back(std::get<AgentRegistered>(*event));
                      return absl::OkStatus();
                    });
}

}  // namespace remuda
