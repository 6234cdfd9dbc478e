#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "coordinator/core/event.h"
#include "coordinator/core/input.h"
#include "coordinator/core/output.h"
#include "coordinator/store/learned_kind.h"
#include "jobs/ids.h"
#include "jobs/job_type.h"
#include "jobs/verdict/evidence.h"
#include "jobs/verdict/trial_decision.h"

namespace remuda {

// `executor: auto` that learns: watches the jobs that may be moved, has
// another executor tried where the verdict predicts enough of it, keeps it if
// it wins, and remembers what came of it for later jobs of the kind. When a
// trial begins and who wins is decided in jobs/verdict/; how a job moves, in
// coordinator/core/moves.h. A job has one trial at most.
//
// Thread: confined to the control loop.
class ExecutorLearner {
 public:
  // A job whose evidence has grown is looked at so often.
  static constexpr Duration kLook = std::chrono::milliseconds(250);
  // Jobs that are watched at once; others stay where they are.
  static constexpr size_t kJobsMax = 64;
  // Attempts on one executor after which a job is watched no longer.
  static constexpr double kAttemptsMax = 20'000;

  // Once, at the start. Trials that went on are ended by what comes.
  void Restore(const Now& now, const StoredState& state,
               std::vector<LearnedKind> learned);

  // Gives a job that leaves the choice what was learned of its kind.
  void Choose(JobToAccept& job) const;

  // What is committed, in its order.
  void OnCommitted(const Now& now, const Output& output);

  // What follows from it, to be done in one commit.
  struct Step {
    JobId job;
    ExecutorKind from = ExecutorKind::kProcessPool;
    ExecutorKind to = ExecutorKind::kProcessPool;
    TrialResult result = TrialResult::kGoesOn;  // a trial begins
    std::string reason;
    ExecutorWish wish;
    LearnedKind learned;
  };
  // `waiting` says how many tasks of a job are not granted.
  std::vector<Step> Look(const Now& now,
                         const std::function<uint64_t(JobId)>& waiting);
  std::optional<MonotonicTime> next_time() const;

  size_t watched() const { return jobs_.size(); }

 private:
  enum class Stage : uint8_t { kWatched, kLeaving, kOnTrial };
  struct Agent {
    std::array<uint64_t, kExecutorKinds> slots{};
    uint64_t memory_bytes = 0;  // that it may hold; 0: not known
    uint64_t cores() const;
  };
  struct Watched {
    std::shared_ptr<const Job> job;
    KindOfWork kind;  // its cores are 0 until one agent has said something
    bool is_mixed = false;  // on agents of several sizes
    const JobType* type = nullptr;
    uint64_t tasks = 0;
    std::vector<ExecutorKind> safe;
    ExecutorKind executor = ExecutorKind::kProcessPool;
    std::string reason;  // for the executor that it began on
    bool blocks_its_loop = false;

    Stage stage = Stage::kWatched;
    Evidence evidence;  // since it is on its executor
    std::map<AgentId, WallTime> active_to;
    uint64_t granted = 0;  // and neither ended nor come back
    uint64_t begun = 0;    // granted since then, less what came back
    uint64_t crashed = 0;
    bool is_news = false;
    MonotonicTime look_at{};

    TrialToJudge trial;
    ExecutorKind trial_executor = ExecutorKind::kProcessPool;
    std::string why;  // of the trial
    MonotonicTime moved_at{};
  };

  // Does nothing if it can go nowhere; one that has moved may be on trial.
  void Watch(const JobAccepted& accepted, bool has_moved);
  void OnEvent(const Now& now, const Event& event);
  void OnEnded(const Now& now, const AttemptsEnded& event);
  void OnChosen(const Now& now, const ExecutorChosen& event);
  std::optional<Step> Plan(const Now& now, JobId id, Watched& job,
                           uint64_t waiting);
  std::optional<Step> Judge(const Now& now, JobId id, Watched& job,
                            uint64_t waiting);
  // Of a kind that is not known yet, an empty one.
  LearnedChoice LearnedOf(const KindOfWork& kind) const;
  // That all agents have; 0: they differ, or there is none.
  uint64_t CoresOfAll() const;

  std::map<AgentId, Agent> agents_;
  std::map<JobId, Watched> jobs_;
  std::map<KindOfWork, LearnedChoice> learned_;
};

}  // namespace remuda
