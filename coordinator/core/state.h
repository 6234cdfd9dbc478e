#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/clock.h"
#include "coordinator/core/agent_table.h"
#include "coordinator/core/counters.h"
#include "coordinator/core/event.h"
#include "coordinator/core/input.h"
#include "coordinator/core/live_job.h"
#include "coordinator/core/output.h"
#include "coordinator/core/ready_queue.h"
#include "coordinator/core/submission_table.h"
#include "jobs/ids.h"
#include "jobs/index_ranges.h"

namespace remuda {

// Everything a Core knows, and the one place where events change it. The
// deciding functions (submissions.h, sessions.h, results.h, dispatcher.h)
// read it, Emit() events and send messages; they change nothing else of the
// jobs, tasks and grants. Does not decide anything itself.
//
// Thread: confined to the coordinator's control loop.
class CoreState {
 public:
  explicit CoreState(const CoreOptions& core_options);

  // Changes the state by an event, live or in replay.
  void Apply(const Event& event);

  // Applies the event and puts it into the output.
  void Emit(Event event);

  // Ends a job whose tasks have all ended; does nothing to others.
  void FinishIfDone(const Now& now, JobId job);

  LiveJob* FindJob(JobId job);
  // The grant must be live.
  const LiveGrant& GrantOf(GrantId grant) const { return *grants_.at(grant); }
  std::vector<JobId> LiveJobs() const;  // by id
  size_t live_jobs() const { return jobs_.size(); }

  // So many tasks from the grant's first have begun. Says nothing new if that
  // many are known to have.
  void Begin(GrantId grant, uint64_t tasks);
  void NoteGrantedAt(GrantId grant, MonotonicTime at) {
    grants_.at(grant)->granted_at = at;
  }

  // Brings the ready queue up to date after a change of what a job may be
  // granted, or of an agent's session or credit.
  void UpdateReady(LiveJob& job);
  void UpdateFree(AgentEntry& agent);
  // The same after a change of what an agent can run.
  void UpdateClasses(AgentEntry& agent);
  static bool HasSlots(const AgentEntry& agent, ExecutorKind executor,
                       uint32_t slots);
  size_t CountersFor(const JobAccepted& accepted);

  enum class When { kAfterCommit, kAtOnce };
  // Does nothing if the agent has no session.
  void Send(const AgentEntry& agent, CoordinatorMessage message, When when);
  void SendTo(Peer peer, SessionId session, CoordinatorMessage message,
              When when);
  void Reply(Peer client, uint64_t request, ClientReply reply, When when);
  void AckResults(AgentEntry& agent);

  // Wakes the tasks when their back-off is over.
  void DelayUntil(MonotonicTime due, JobId job, IndexRange tasks);
  void MakeDue(const Now& now);
  std::optional<MonotonicTime> next_due() const;

  Output TakeOutput();
  void DropOutput();
  void RefreshGauges();
  std::string Digest() const;

  ClassCounters& CountersOf(const LiveJob& job) {
    return counters.classes[job.counters];
  }

  // For a restart: a job without its tasks' state, and a grant of it that is
  // already among its tasks.
  LiveJob& AddJob(const JobAccepted& accepted);
  void AddGrant(LiveJob& job, LiveGrant& grant);
  void CountWaiting(LiveJob& job);

  const CoreOptions options;
  std::string generation;
  Term term;
  JobId last_job;
  AgentId last_agent;
  GrantId last_grant;
  AgentTable agents;
  ReadyQueue ready;
  SubmissionTable submissions;
  std::set<JobId> cancelling;
  std::set<JobId> moving;  // with a wish; live only
  CoreCounters counters;

  // Live only.
  SessionId last_session;
  // Leases do not expire before: the coordinator itself was away.
  MonotonicTime lease_grace_until{};
  std::vector<LogChunk> logs;
  // When waiting tasks are looked for that others should have; and executors
  // of agents that were given work of that priority behind waiting work of
  // less.
  std::optional<MonotonicTime> retract_at;
  std::map<std::pair<AgentId, ExecutorKind>, int32_t> urgent;

 private:
  void On(const TermStarted& event);
  void On(const AgentRegistered& event);
  void On(const AgentLeft& event);
  void On(const JobAccepted& event);
  void On(const TasksGranted& event);
  void On(const AttemptsEnded& event);
  void On(const TasksReturned& event);
  void On(const JobCancelRequested& event);
  void On(const JobFinished& event);
  void On(const FindingsNoted& event);
  void On(const ExecutorChosen& event);

  void Place(LiveJob& job);
  void EndTasks(LiveJob& job, AgentEntry& agent, IndexRange tasks,
                const JobTasks::Change& change, WallTime at);
  void CountWait(const LiveJob& job, const TasksGranted& granted);
  void CountRunTimes(const LiveJob& job, const AttemptsEnded& ended);
  void CountEnded(const LiveJob& job, TaskState state, uint64_t tasks,
                  WallTime at);
  void UpdateDue(LiveJob& job);
  void UpdateOldest(LiveJob& job, WallTime now);
  void MarkChanged(LiveJob& job);
  void Flush(LiveJob& job);

  absl::flat_hash_map<JobId, std::unique_ptr<LiveJob>> jobs_;
  absl::flat_hash_map<GrantId, LiveGrant*> grants_;

  // Jobs with tasks that wait for a back-off, by when the first of these is
  // over; each at most once.
  std::set<std::pair<MonotonicTime, JobId>> due_;
  std::set<std::pair<WallTime, JobId>> oldest_;  // jobs with tasks to grant
  Output output_;
  std::vector<JobId> changed_jobs_;
  std::vector<AgentId> ack_agents_;
};

}  // namespace remuda
