#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "workers/conformance/worker_under_test.h"
#include "workers/conformance/worker_words.h"

namespace remuda {

// How the worker is made to do things: the job type and parameters of a task,
// with {{check}} for what it shall do (echo, fail, sleep, print, block),
// {{arguments}} for the JSON object of what it needs, {{mode}} for the mode.
struct CheckTask {
  std::string type = "check.{{check}}";
  std::string parameters = "{{arguments}}";
};

// What goes against the page whichever check runs, seen in all conversations.
struct ConversationFaults {
  std::string doubled;    // tasks with two ends
  std::string malformed;  // frames that an agent would not take
  std::string late_log;   // output that came after its task's end
};

struct ConversationOptions {
  std::vector<std::string> argv;
  std::string mode;
  uint64_t slots = 1;
  CheckTask task;
  Duration patience = std::chrono::seconds(30);
  Duration start_patience = std::chrono::seconds(60);
};

// One task to be given. `arguments` is a JSON object.
struct GivenTask {
  std::string check;
  std::string arguments = "{}";
};

// The agent's side of the protocol with one worker, in one mode: greets it,
// gives it as many tasks as it has credit for, and keeps what it says.
//
// Thread: confined to its owner. Every Await*() blocks, within the patience.
// Lifetime: `clock` and `faults` outlive it.
class Conversation {
 public:
  static absl::StatusOr<Conversation> Start(const ConversationOptions& options,
                                            const Clock& clock,
                                            ConversationFaults& faults);

  // Up to the first `ready`. Errors: what went wrong, for a person.
  absl::Status AwaitHello();
  void SendWelcome();
  absl::Status AwaitReady();

  // The id of the first; the others follow.
  uint64_t Give(const std::vector<GivenTask>& tasks);
  uint64_t GiveRange(uint64_t count, const GivenTask& task);

  // The same, as a frame of the caller's making; it must obey credits.
  uint64_t TakeIds(uint64_t count);
  std::string TypeOf(const GivenTask& task) const;
  std::string ParametersOf(const GivenTask& task) const;
  bool SendMessage(const std::string& message);

  // As an agent does in this mode.
  void Cancel(uint64_t id);

  // Null if the task did not end in time.
  const SaidEnd* AwaitEnd(uint64_t id);
  absl::Status AwaitEnds(uint64_t first, uint64_t count);
  bool AwaitPong(uint64_t number);

  // Takes in what the worker says in this time.
  void Listen(Duration time);

  // The text of a task that had to succeed and return its arguments.
  absl::Status ExpectEcho(uint64_t id, const std::string& arguments);
  absl::Status ExpectEnding(uint64_t id, const std::string& ending);

  // "task 3 did not end within 30 s; ..." and so on.
  absl::Status Failure(const std::string& seen);

  const WorkerWords* hello() const { return hello_ ? &*hello_ : nullptr; }
  uint64_t credits() const { return credits_; }
  bool ready() const { return credits_ > 0; }
  const std::map<uint64_t, SaidEnd>& ends() const { return ends_; }
  const std::vector<uint64_t>& order() const { return order_; }
  std::string PrintedBy(uint64_t id) const;
  WorkerUnderTest& worker() { return worker_; }
  const ConversationOptions& options() const { return options_; }
  const Clock& clock() const { return *clock_; }

 private:
  // Tasks that wait for credit: alike, if a range.
  struct Waiting {
    uint64_t first;
    uint64_t count;
    bool is_range;
    std::vector<GivenTask> tasks;  // one, if a range
  };

  Conversation(WorkerUnderTest worker, const ConversationOptions& options,
               const Clock& clock, ConversationFaults& faults)
      : worker_(std::move(worker)),
        options_(options),
        clock_(&clock),
        faults_(&faults) {}

  void SendWaiting();
  std::string TasksMessage(Waiting& waiting, uint64_t count) const;
  bool Hear(Duration patience);
  void Note(std::string& place, const std::string& fault);
  void NoteEnd(const SaidEnd& end);

  WorkerUnderTest worker_;
  ConversationOptions options_;
  const Clock* clock_;
  ConversationFaults* faults_;
  std::optional<WorkerWords> first_;
  std::optional<WorkerWords> hello_;
  uint64_t credits_ = 0;
  uint64_t next_id_ = 1;
  uint64_t outstanding_ = 0;
  std::deque<Waiting> waiting_;
  std::map<uint64_t, SaidEnd> ends_;
  std::vector<uint64_t> order_;
  std::vector<SaidLog> logs_;
  std::vector<uint64_t> pongs_;
};

}  // namespace remuda
