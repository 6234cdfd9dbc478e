#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "coordinator/core/core.h"
#include "coordinator/core/store_image.h"
#include "jobs/ids.h"
#include "wire/messages.h"

namespace remuda {

class ScriptedAgent;

// A job of noop tasks, for tests to change.
JobToAccept NoopJob(uint64_t tasks, const std::string& name = "noop");
// The job inside, to be changed before it is submitted.
Job& Edit(JobToAccept& job);

// Runs a core on virtual time with a store that commits at once and agents
// that hear at once, for tests that look at one thing at a time.
//
// Thread: confined to the test.
class CoreDriver {
 public:
  explicit CoreDriver(const CoreOptions& options = CoreOptions());

  Core& core() { return *core_; }
  StoreImage& store() { return store_; }
  const Now& now() const { return now_; }

  // Ends a turn: dispatches, commits, delivers. Returns what was committed.
  Output Turn();
  // Lets time pass, waking the core whenever it asks for it.
  void Advance(Duration duration);
  // A new coordinator on the same store; agents have to say Hello.
  void Restart();

  // Submits and ends the turn. The jobs are the reply's.
  Accepted Submit(const std::string& key, std::vector<JobToAccept> jobs);
  JobId SubmitOne(JobToAccept job);
  ClientReply Cancel(JobId job);
  // The last reply to a client.
  const ClientReply& reply() const { return reply_; }

  JobSummary Summary(JobId job) const { return store_.summary(job); }
  uint64_t Count(JobId job, TaskState state) const;

  void Attach(ScriptedAgent* agent);
  void Detach(ScriptedAgent* agent);
  Peer NewPeer() { return Peer{++last_peer_}; }

 private:
  void Deliver(const Send& send);

  const CoreOptions options_;
  Now now_;
  StoreImage store_;
  std::unique_ptr<Core> core_;
  std::vector<ScriptedAgent*> agents_;
  uint64_t last_peer_ = 0;
  uint64_t last_key_ = 0;
  ClientReply reply_;
};

// An agent that does what the test says.
class ScriptedAgent {
 public:
  ScriptedAgent(CoreDriver& driver, const std::string& instance,
                std::vector<std::string> job_types = {"noop"});
  ~ScriptedAgent();
  ScriptedAgent(const ScriptedAgent&) = delete;
  ScriptedAgent& operator=(const ScriptedAgent&) = delete;

  // Over a new connection; `held` as given.
  void SayHello(std::vector<FencedRange> held = {});
  void Beat(uint64_t credit, ExecutorKind kind = ExecutorKind::kAsync);
  // With a backlog of jobs like NoopJob(); its Hello must have said that it
  // says these.
  void BeatBacklog(uint64_t credit, uint64_t backlog);
  // Says that the attempt, and what was granted before it, has begun.
  void Begin(JobId job, TaskIndex task, uint32_t fence = 1);
  void Drain();
  void Leave();

  // Reports the end of a range, all at `fence`.
  void End(JobId job, IndexRange tasks, uint32_t fence, Ending ending,
           int32_t exit_code = 0, bool started = true);
  // Gives back all that was wanted back since the last call. The number of
  // tasks.
  uint64_t GiveBack();
  // Reports success of everything granted and not reported yet.
  void SucceedAll();
  void SendBatches(std::vector<EndedBatch> batches);
  void Send(AgentMessage message);
  // As if it came in another session.
  void SendIn(SessionId session, AgentMessage message);

  // The ranges granted in this session that were not reported.
  const std::vector<GrantedRange>& granted() const { return granted_; }
  uint64_t granted_tasks() const;
  void Forget() { granted_.clear(); }
  std::vector<FencedRange> Held() const;

  Peer peer() const { return peer_; }
  AgentId id() const { return welcome_.agent; }
  const Welcome& welcome() const { return welcome_; }
  const std::vector<CoordinatorMessage>& heard() const { return heard_; }
  void ClearHeard() { heard_.clear(); }
  uint64_t acked() const { return acked_; }
  uint64_t sent() const { return results_; }
  uint64_t last_grant() const { return last_grant_; }
  void set_last_grant(uint64_t sequence) { last_grant_ = sequence; }
  Hello& hello() { return hello_; }

  template <typename Message>
  int HeardCount() const {
    int count = 0;
    for (const CoordinatorMessage& message : heard_) {
      if (std::holds_alternative<Message>(message)) ++count;
    }
    return count;
  }

 private:
  friend class CoreDriver;
  void Hear(SessionId session, const CoordinatorMessage& message);

  CoreDriver& driver_;
  Hello hello_;
  Peer peer_;
  Welcome welcome_;
  uint64_t heartbeat_ = 0;
  uint64_t results_ = 0;
  uint64_t acked_ = 0;
  uint64_t last_grant_ = 0;
  std::vector<GrantedRange> granted_;
  std::vector<CoordinatorMessage> heard_;
};

}  // namespace remuda
