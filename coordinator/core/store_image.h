#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/core/chunk.h"
#include "coordinator/core/event.h"
#include "coordinator/core/input.h"
#include "coordinator/core/output.h"
#include "jobs/ids.h"

namespace remuda {

// What a store would hold after the outputs committed to it, for tests. Keeps
// the promises of a real store: versions rise by one, nothing leaves a
// terminal state, a key is used once. A broken one is a line of violations().
//
// Thread: confined to the test.
class StoreImage {
 public:
  void Commit(const Output& output);

  StoredState Load() const;
  const std::vector<Event>& history() const { return history_; }
  const std::vector<std::string>& violations() const { return violations_; }

  // Of any job ever committed.
  const JobSummary& summary(JobId job) const { return summaries_.at(job); }
  const std::map<JobId, JobSummary>& summaries() const { return summaries_; }
  TaskState state(JobId job, TaskIndex task) const;
  TaskTries tries(JobId job, TaskIndex task) const;
  const std::vector<std::pair<JobId, uint64_t>>& chunk_writes() const {
    return chunk_writes_;
  }
  // What OnSubmit() wants to hear of a key.
  std::optional<StoredSubmission> Submitted(const std::string& key) const;

 private:
  struct Chunk {
    uint64_t version = 0;
    std::string bytes;
    ChunkState state;
  };

  void Happened(const Event& event);
  void Write(const ChunkWrite& write);

  Term term_;
  std::map<JobId, StoredJob> live_;
  std::map<JobId, JobAccepted> accepted_;
  std::map<JobId, JobSummary> summaries_;
  std::map<std::pair<std::string, uint32_t>, JobId> keys_;
  std::map<std::pair<JobId, uint64_t>, Chunk> chunks_;
  std::map<GrantId, TasksGranted> grants_;
  std::map<AgentId, AgentRegistered> agents_;
  GrantId last_grant_;
  AgentId last_agent_;
  JobId last_job_;
  std::vector<Event> history_;
  std::vector<std::pair<JobId, uint64_t>> chunk_writes_;
  std::vector<std::string> violations_;
};

}  // namespace remuda
