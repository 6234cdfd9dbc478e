// The part of StoreReader that puts the results and logs of tasks together.

#include <algorithm>
#include <string_view>
#include <vector>

#include "coordinator/store/reader.h"
#include "coordinator/store/stored_rows.h"
#include "jobs/items.h"
#include "wire/attempt_records.h"

namespace remuda {
namespace {

// Tasks whose records are read together. Small, because a reply that is full
// in the middle drops the rest of them.
constexpr uint64_t kWindow = 128;

// What a row costs in a reply beside its texts.
constexpr size_t kRowBytes = 64;

size_t BytesOf(const TaskRow& row) {
  return kRowBytes + row.item.size() + row.output.size() + row.error.size() +
         row.agent.size();
}

void Fill(TaskRow& row, AttemptRecord&& record) {
  row.ending = record.ending;
  row.exit_code = record.exit_code;
  row.ended_at = record.ended_at;
  row.wall = record.wall;
  row.output = std::move(record.output);
  row.error = std::move(record.error);
  row.usage = record.usage;
}

bool Covers(const IndexRange& range, TaskIndex task) {
  return task >= range.first && task - range.first < range.count;
}

}  // namespace

struct StoreReader::Page {
  StoredJob job;
  std::vector<TasksGranted> grants;  // live ones of the job
  std::map<AgentId, std::string> agents;
  std::vector<TaskRow> rows;
  size_t bytes = 0;

  bool full() const {
    return bytes >= kReplyBytesMax || rows.size() >= kRowsMax;
  }
};

absl::StatusOr<ResultPage> StoreReader::Results(const GetResults& request,
                                                const Owner& owner) {
  absl::Status status = CheckOwner(request.job, owner);
  if (status.ok()) status = database_.Execute("BEGIN");
  if (!status.ok()) return status;
  absl::StatusOr<ResultPage> page = ReadResults(request);
  status = database_.Execute("COMMIT");
  if (!status.ok() && page.ok()) return status;
  return page;
}

absl::StatusOr<LogPage> StoreReader::Logs(const GetLogs& request,
                                          const Owner& owner) {
  absl::Status status = CheckOwner(request.job, owner);
  if (status.ok()) status = database_.Execute("BEGIN");
  if (!status.ok()) return status;
  absl::StatusOr<LogPage> page = ReadLogs(request);
  status = database_.Execute("COMMIT");
  if (!status.ok() && page.ok()) return status;
  return page;
}

absl::Status StoreReader::OpenPage(JobId job, Page& page) {
  absl::StatusOr<Statement*> select =
      Prepared(SelectJobSql() + "WHERE j.job = ? LIMIT 1");
  if (!select.ok()) return select.status();
  (*select)->BindUnsigned(0, job.value);
  absl::StatusOr<bool> row = (*select)->Step();
  if (!row.ok()) return row.status();
  if (!*row) {
    return absl::NotFoundError("there is no job " + std::to_string(job.value));
  }
  absl::StatusOr<StoredJob> stored = ReadStoredJob(**select);
  (*select)->Reset();
  if (!stored.ok()) return stored.status();
  page.job = *std::move(stored);

  select = Prepared(
      "SELECT agent, first, count, fence FROM grants WHERE job = ? "
      "ORDER BY id");
  if (!select.ok()) return select.status();
  (*select)->BindUnsigned(0, job.value);
  for (row = (*select)->Step(); row.ok() && *row; row = (*select)->Step()) {
    TasksGranted grant;
    grant.agent = {(*select)->Unsigned(0)};
    grant.tasks = {.first = (*select)->Unsigned(1),
                   .count = (*select)->Unsigned(2)};
    grant.fence = {static_cast<uint32_t>((*select)->Unsigned(3))};
    page.grants.push_back(grant);
  }
  return row.status();
}

absl::StatusOr<ChunkState> StoreReader::ReadChunk(JobId job, uint64_t chunk) {
  const absl::StatusOr<Statement*> select =
      Prepared("SELECT state FROM chunks WHERE job = ? AND chunk = ?");
  if (!select.ok()) return select.status();
  (*select)->BindUnsigned(0, job.value);
  (*select)->BindUnsigned(1, chunk);
  const absl::StatusOr<bool> row = (*select)->Step();
  if (!row.ok()) return row.status();
  if (!*row) return ChunkState();
  absl::StatusOr<ChunkState> state = ChunkState::Decode((*select)->Text(0));
  (*select)->Reset();
  return state;
}

absl::StatusOr<ResultPage> StoreReader::ReadResults(const GetResults& request) {
  Page page;
  absl::Status status = OpenPage(request.job, page);
  if (!status.ok()) return status;
  const uint64_t total = page.job.summary.total;
  if (request.first > total) {
    return absl::InvalidArgumentError(
        "job " + std::to_string(request.job.value) + " has " +
        std::to_string(total) + " tasks");
  }
  const uint64_t limit =
      std::clamp<uint64_t>(request.limit, 1, kTasksLookedAtMax);
  const TaskIndex end = request.first + std::min(limit, total - request.first);
  TaskIndex task = request.first;
  while (task < end && !page.full()) {
    const absl::StatusOr<ChunkState> chunk =
        ReadChunk(request.job, ChunkOf(task));
    if (!chunk.ok()) return chunk.status();
    const TaskIndex stop = std::min(end, (ChunkOf(task) + 1) * kTasksPerChunk);
    while (task < stop && !page.full()) {
      const absl::StatusOr<TaskIndex> next =
          AddTasks(request, *chunk, task, std::min(stop, task + kWindow), page);
      if (!next.ok()) return next.status();
      task = *next;
    }
  }
  return ResultPage{
      .tasks = std::move(page.rows), .next = task, .end = task >= total};
}

absl::StatusOr<TaskIndex> StoreReader::AddTasks(const GetResults& request,
                                                const ChunkState& chunk,
                                                TaskIndex first, TaskIndex end,
                                                Page& page) {
  std::vector<TaskRow> rows;
  for (TaskIndex task = first; task < end; ++task) {
    const uint64_t offset = task % kTasksPerChunk;
    TaskRow row;
    row.index = task;
    row.state = chunk.state(offset);
    if (request.only_not_succeeded && row.state == TaskState::kSucceeded) {
      continue;
    }
    const TaskTries tries = chunk.tries(offset);
    row.attempts = tries.attempts;
    row.infrastructure_losses = tries.losses;
    row.executor = page.job.summary.executor;
    for (const TasksGranted& grant : page.grants) {
      if (IsTerminal(row.state) || !Covers(grant.tasks, task) ||
          grant.fence.value != tries.fence + 1) {
        continue;
      }
      row.state = TaskState::kRunning;
      absl::StatusOr<std::string> agent = AgentName(grant.agent, page);
      if (!agent.ok()) return agent.status();
      row.agent = *std::move(agent);
      break;
    }
    // What neither ended nor runs when its job is over was cancelled; that
    // needs no row in the store.
    if (!IsTerminal(row.state) && IsTerminal(page.job.summary.state)) {
      row.state = TaskState::kCancelled;
    }
    rows.push_back(std::move(row));
  }
  absl::Status status = AddItems(rows, page);
  if (status.ok() && request.with_records) {
    status = AddRecords(chunk, rows, page);
  }
  if (!status.ok()) return status;
  for (TaskRow& row : rows) {
    if (page.full()) return row.index;
    page.bytes += BytesOf(row);
    page.rows.push_back(std::move(row));
  }
  return end;
}

absl::Status StoreReader::AddItems(std::span<TaskRow> rows, Page& page) {
  if (rows.empty()) return absl::OkStatus();
  const TaskSource& source = page.job.accepted.job->tasks;
  if (IsComputed(source)) {
    for (TaskRow& row : rows) row.item = ComputedItem(source, row.index);
    return absl::OkStatus();
  }
  const absl::StatusOr<Statement*> select =
      Prepared("SELECT lines FROM items WHERE job = ? AND chunk = ?");
  if (!select.ok()) return select.status();
  (*select)->BindUnsigned(0, page.job.summary.id.value);
  (*select)->BindUnsigned(1, ChunkOf(rows.front().index));
  const absl::StatusOr<bool> found = (*select)->Step();
  if (!found.ok()) return found.status();
  const uint64_t first = rows.front().index % kTasksPerChunk;
  const uint64_t count = rows.back().index - rows.front().index + 1;
  std::vector<std::string_view> items;
  if (*found) items = ItemsOfChunk((*select)->Bytes(0), first, count);
  const bool complete = items.size() == count;
  if (complete) {
    for (TaskRow& row : rows) {
      row.item = std::string(items[row.index - rows.front().index]);
    }
  }
  (*select)->Reset();
  if (!complete) return absl::DataLossError("items are missing");
  return absl::OkStatus();
}

absl::Status StoreReader::AddRecords(const ChunkState& chunk,
                                     std::span<TaskRow> rows, Page& page) {
  if (rows.empty()) return absl::OkStatus();
  const absl::StatusOr<Statement*> select = Prepared(
      "SELECT agent, executor, records FROM results WHERE job = ? AND "
      "chunk = ? AND last >= ? AND first <= ? ORDER BY event");
  if (!select.ok()) return select.status();
  (*select)->BindUnsigned(0, page.job.summary.id.value);
  (*select)->BindUnsigned(1, ChunkOf(rows.front().index));
  (*select)->BindUnsigned(2, rows.front().index);
  (*select)->BindUnsigned(3, rows.back().index);
  absl::StatusOr<bool> more = (*select)->Step();
  for (; more.ok() && *more; more = (*select)->Step()) {
    absl::StatusOr<std::string> agent =
        AgentName({(*select)->Unsigned(0)}, page);
    if (!agent.ok()) return agent.status();
    absl::StatusOr<std::vector<AttemptRecord>> records =
        DecodeAttemptRecords((*select)->Text(2));
    // An agent sent what cannot be read; its tasks ended all the same.
    if (!records.ok()) continue;
    for (AttemptRecord& record : *records) {
      const auto row = std::lower_bound(
          rows.begin(), rows.end(), record.task,
          [](const TaskRow& one, TaskIndex task) { return one.index < task; });
      if (row == rows.end() || row->index != record.task ||
          !IsTerminal(chunk.state(record.task % kTasksPerChunk)) ||
          chunk.tries(record.task % kTasksPerChunk).fence !=
              record.fence.value) {
        continue;
      }
      Fill(*row, std::move(record));
      row->agent = *agent;
    }
  }
  if (!more.ok()) return more.status();
  for (TaskRow& row : rows) {
    if (!row.error.empty() || row.ended_at.has_value()) continue;
    if (row.state == TaskState::kLost) {
      row.error = "given up: the agent that ran it was lost " +
                  std::to_string(row.infrastructure_losses) + " times";
    } else if (row.state == TaskState::kCancelled) {
      row.error = page.job.summary.reason;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> StoreReader::AgentName(AgentId agent, Page& page) {
  const auto known = page.agents.find(agent);
  if (known != page.agents.end()) return known->second;
  const absl::StatusOr<Statement*> select =
      Prepared("SELECT name FROM agents WHERE id = ?");
  if (!select.ok()) return select.status();
  (*select)->BindUnsigned(0, agent.value);
  const absl::StatusOr<bool> row = (*select)->Step();
  if (!row.ok()) return row.status();
  std::string name = *row ? (*select)->Text(0) : std::string();
  (*select)->Reset();
  page.agents[agent] = name;
  return name;
}

absl::StatusOr<LogPage> StoreReader::ReadLogs(const GetLogs& request) {
  const absl::StatusOr<std::optional<JobSummary>> job = FindJob(request.job);
  if (!job.ok()) return job.status();
  if (!job->has_value()) {
    return absl::NotFoundError("there is no job " +
                               std::to_string(request.job.value));
  }
  if (request.task >= (*job)->total) {
    return absl::InvalidArgumentError(
        "job " + std::to_string(request.job.value) + " has " +
        std::to_string((*job)->total) + " tasks");
  }
  const absl::StatusOr<ChunkState> chunk =
      ReadChunk(request.job, ChunkOf(request.task));
  if (!chunk.ok()) return chunk.status();
  const uint64_t offset = request.task % kTasksPerChunk;
  const bool ended =
      IsTerminal(chunk->state(offset)) || IsTerminal((*job)->state);
  const uint32_t fence = chunk->tries(offset).fence + (ended ? 0u : 1u);

  const absl::StatusOr<Statement*> select = Prepared(
      "SELECT offset, bytes FROM logs WHERE job = ? AND task = ? AND "
      "fence = ? AND stream = ? ORDER BY offset");
  if (!select.ok()) return select.status();
  (*select)->BindUnsigned(0, request.job.value);
  (*select)->BindUnsigned(1, request.task);
  (*select)->BindUnsigned(2, fence);
  (*select)->Bind(3, request.stream);
  const size_t bytes_max =
      std::clamp<uint64_t>(request.bytes_max, 1, kReplyBytesMax);
  LogPage page;
  page.next = request.offset;
  uint64_t stored = 0;  // without a gap from the start
  absl::StatusOr<bool> row = (*select)->Step();
  for (; row.ok() && *row; row = (*select)->Step()) {
    page.found = true;
    const uint64_t at = (*select)->Unsigned(0);
    const std::string_view bytes = (*select)->Bytes(1);
    page.truncated = page.truncated || bytes.empty();
    if (at > stored) continue;  // a piece before it is still to come
    stored = std::max(stored, at + bytes.size());
    if (page.next < at || page.next >= at + bytes.size() ||
        page.bytes.size() >= bytes_max) {
      continue;
    }
    const std::string_view wanted =
        bytes.substr(page.next - at).substr(0, bytes_max - page.bytes.size());
    page.bytes.append(wanted);
    page.next += wanted.size();
  }
  if (!row.ok()) return row.status();
  page.end = ended && page.next >= stored;
  return page;
}

}  // namespace remuda
