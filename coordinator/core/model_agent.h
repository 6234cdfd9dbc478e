#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "coordinator/core/output.h"
#include "jobs/ids.h"
#include "wire/messages.h"

namespace remuda {

// What attempts really did, whoever heard of it: (job, task, fence, ending).
using Ledger = std::set<std::tuple<JobId, TaskIndex, Fence, Ending>>;

// What really began.
using Starts = std::set<std::tuple<JobId, TaskIndex, Fence>>;

// An agent by the book (docs/CONTRACTS.md) that ends attempts at random, for
// the model test. It keeps what is not acked, sends again, says Hello again,
// and stops what it holds when its lease runs out.
//
// Thread: confined to the test.
class ModelAgent {
 public:
  struct Options {
    Duration lease{};
    uint64_t credit = 0;
    uint64_t slots = 0;
    double pace = 1;  // how often in a tick some attempts end
  };

  ModelAgent(Random& random, Ledger& ledger, Starts& starts,
             const Options& options, std::string instance);

  // A message to send in the session named, over the present connection.
  struct Sent {
    Term term;
    SessionId session;
    AgentMessage message;
  };
  std::vector<Sent> Act(MonotonicTime now);
  void Hear(MonotonicTime now, SessionId session,
            const CoordinatorMessage& message);

  // A new connection: the old session is of no use.
  void Connected(Peer peer, MonotonicTime now);
  Peer peer() const { return peer_; }

  // Tasks that wait or run here and have not ended.
  const std::map<std::pair<JobId, TaskIndex>, Fence>& held() const {
    return held_;
  }
  // From now on attempts end in every tick: with one slot and a slow pace a
  // job would take days.
  void Hurry() { pace_ = 1; }
  bool over_credit() const { return held_.size() > options_.credit; }
  // Something is not acked, or the agent is between sessions.
  bool busy() const { return !spool_.empty() || !session_.has_value(); }
  bool wants_to_reconnect(MonotonicTime now) const;

 private:
  struct Attempt {
    JobId job;
    TaskIndex task = 0;
    Fence fence;
  };

  void Welcomed(MonotonicTime now, const Welcome& welcome);
  void Granted(const Grant& grant);
  void Stop(const StopTasks& stop);
  void StartSome();
  void FinishSome();
  void HandBackSome();
  bool Waits(JobId job, TaskIndex task) const;
  std::vector<FencedRange> HandedBack() const;
  void Spool(std::vector<Attempt> attempts, Ending ending, bool started);
  std::vector<FencedRange> HeldList() const;
  Sent HelloNow(MonotonicTime now);
  Sent Out(AgentMessage message) const;

  Random& random_;
  Ledger& ledger_;
  Starts& starts_;
  const Options options_;
  const std::string instance_;
  double pace_;

  Peer peer_;
  Term term_;
  std::optional<SessionId> session_;
  bool waits_for_welcome_ = false;
  MonotonicTime hello_sent_{};
  uint64_t hello_number_ = 0;

  MonotonicTime lease_from_{};
  std::map<uint64_t, MonotonicTime> beats_sent_;
  uint64_t heartbeat_ = 0;
  MonotonicTime next_beat_{};
  MonotonicTime next_resend_{};

  std::map<std::pair<JobId, TaskIndex>, Fence> held_;
  std::deque<Attempt> line_;  // of these, what waits; some may be gone
  std::set<std::pair<JobId, TaskIndex>> begun_;  // and what does not
  std::optional<AttemptId> last_begun_;
  bool begun_untold_ = false;
  std::set<JobId> stopped_;
  std::set<uint64_t> grants_seen_;
  std::deque<Results> spool_;
  size_t unsent_ = 0;  // from the end of the spool
  uint64_t last_results_ = 0;
};

}  // namespace remuda
