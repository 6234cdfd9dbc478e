#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "jobs/ids.h"
#include "jobs/job_finding.h"
#include "jobs/outcome.h"
#include "jobs/states.h"
#include "jobs/task_progress.h"
#include "wire/verdict_messages.h"

namespace remuda {

// What clients ask of the coordinator and what they hear back. A client needs
// no registration; every request carries its number and gets one reply
// with the same number, except that a watch goes on.

// One piece of a list of items that is uploaded before its Submit.
struct UploadItems {
  static constexpr size_t kBytesMax = 512u << 10;
  std::string key;        // the key of the Submit to come
  uint32_t document = 0;  // which of its jobs
  uint64_t offset = 0;
  std::string bytes;

  friend bool operator==(const UploadItems&, const UploadItems&) = default;
};

struct Submit {
  static constexpr size_t kJobsMax = 64;
  // Made by the client and kept before sending; the same key and content
  // give the same jobs, however often it is sent.
  std::string key;
  std::vector<std::string> jobs;  // jobs/job_json.h, accepted whole or not
  // After Accepted the request goes on as a WatchJobs of its jobs, which saves
  // whoever waits for them a round trip. What Accepted said is not repeated.
  bool watch = false;

  friend bool operator==(const Submit&, const Submit&) = default;
};

struct CancelJob {
  JobId job;
  std::string reason;

  friend bool operator==(const CancelJob&, const CancelJob&) = default;
};

struct GetJobs {
  std::vector<JobId> ids;  // empty: the latest
  uint32_t limit = 100;

  friend bool operator==(const GetJobs&, const GetJobs&) = default;
};

// Replies with JobSummaries at once and again whenever one changes, until all
// are terminal. Sent again by the client after a reconnect.
struct WatchJobs {
  std::vector<JobId> ids;

  friend bool operator==(const WatchJobs&, const WatchJobs&) = default;
};

struct GetResults {
  JobId job;
  TaskIndex first = 0;     // go on from here
  uint64_t limit = 1'000;  // tasks looked at
  bool only_not_succeeded = false;
  bool with_records = true;  // false: states only

  friend bool operator==(const GetResults&, const GetResults&) = default;
};

struct GetLogs {
  JobId job;
  TaskIndex task = 0;
  uint8_t stream = 1;
  uint64_t offset = 0;
  uint64_t bytes_max = 512u << 10;

  friend bool operator==(const GetLogs&, const GetLogs&) = default;
};

struct GetAgents {
  friend bool operator==(const GetAgents&, const GetAgents&) = default;
};

struct GetInfo {
  friend bool operator==(const GetInfo&, const GetInfo&) = default;
};

using ClientRequest =
    std::variant<UploadItems, Submit, CancelJob, GetJobs, WatchJobs, GetResults,
                 GetLogs, GetAgents, GetInfo, GetVerdicts>;

struct JobSummary {
  JobId id;
  std::string name;
  std::string type;
  JobState state = JobState::kQueued;
  ExecutorKind executor = ExecutorKind::kProcessPool;
  std::string executor_reason;
  uint64_t total = 0;
  uint32_t slots_each = 1;                    // that a task takes on its agent
  std::array<uint64_t, kTaskStates> tasks{};  // by TaskState
  uint64_t attempts = 0;                      // tries that started
  uint64_t infrastructure_losses = 0;
  WallTime accepted_at{};
  std::optional<WallTime> started_at;
  std::optional<WallTime> finished_at;
  std::string reason;  // why it failed, was cancelled or is waiting
  std::string owner;   // name of the identity that submitted; empty: local
  // What is known to be wrong with its code. Left out of lists of all jobs.
  std::vector<JobFinding> findings;
  // Of its running tasks, at most kJobProgressMax; only where a job was asked
  // for by its id.
  std::vector<TaskProgress> progress;

  friend bool operator==(const JobSummary&, const JobSummary&) = default;
};

struct UploadAccepted {
  uint64_t bytes = 0;  // received so far; the client goes on from here

  friend bool operator==(const UploadAccepted&,
                         const UploadAccepted&) = default;
};

struct Accepted {
  std::vector<JobSummary> jobs;
  bool existed = false;  // the same key was accepted before

  friend bool operator==(const Accepted&, const Accepted&) = default;
};

struct CancelReply {
  enum class Result : uint8_t { kCancelled, kTooLate };
  Result result = Result::kCancelled;
  JobSummary job;

  friend bool operator==(const CancelReply&, const CancelReply&) = default;
};

struct JobSummaries {
  std::vector<JobSummary> jobs;

  friend bool operator==(const JobSummaries&, const JobSummaries&) = default;
};

// A task's end; see wire/attempt_records.h for `records`.
struct TaskRow {
  TaskIndex index = 0;
  TaskState state = TaskState::kPending;
  std::string item;  // JSON text
  uint32_t attempts = 0;
  uint32_t infrastructure_losses = 0;
  Ending ending = Ending::kSucceeded;
  int32_t exit_code = 0;
  ExecutorKind executor = ExecutorKind::kProcessPool;
  std::string agent;
  std::optional<WallTime> ended_at;
  Duration wall = Duration::zero();
  std::string output;
  std::string error;
  Usage usage;

  friend bool operator==(const TaskRow&, const TaskRow&) = default;
};

struct ResultPage {
  std::vector<TaskRow> tasks;
  TaskIndex next = 0;  // ask from here next
  bool end = false;

  friend bool operator==(const ResultPage&, const ResultPage&) = default;
};

struct LogPage {
  std::string bytes;
  uint64_t next = 0;
  bool end = false;
  bool truncated = false;  // more was written than is kept
  bool found = false;      // false: all of the output is in the result

  friend bool operator==(const LogPage&, const LogPage&) = default;
};

struct AgentSummary {
  AgentId id;
  std::string name;
  AgentState state = AgentState::kOnline;
  std::map<std::string, uint64_t> executors;  // name -> slots
  std::map<std::string, std::string> labels;
  uint64_t running = 0;
  std::vector<std::string> job_types;  // sorted; empty: without a session

  friend bool operator==(const AgentSummary&, const AgentSummary&) = default;
};

struct AgentSummaries {
  std::vector<AgentSummary> agents;

  friend bool operator==(const AgentSummaries&,
                         const AgentSummaries&) = default;
};

struct Info {
  std::string version;
  Term term;
  std::string durability;

  friend bool operator==(const Info&, const Info&) = default;
};

struct RequestError {
  enum class Code : uint8_t {
    kInvalid,  // mend the request
    kNotFound,
    kConflict,  // the key was used for something else
    kBusy,      // ask again later
    kForbidden,
  };
  Code code = Code::kInvalid;
  std::string message;

  friend bool operator==(const RequestError&, const RequestError&) = default;
};

using ClientReply = std::variant<UploadAccepted, Accepted, CancelReply,
                                 JobSummaries, ResultPage, LogPage,
                                 AgentSummaries, Info, RequestError, Verdicts>;

}  // namespace remuda
