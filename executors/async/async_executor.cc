#include "executors/async/async_executor.h"

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <deque>
#include <exception>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "executors/async/stall_watch.h"
#include "executors/async/step_executor.h"
#include "executors/finding.h"
#include "executors/outcome_queue.h"

namespace remuda {
namespace {

namespace asio = boost::asio;

// Attempts begun in one go before the loop looks at its sockets again.
constexpr size_t kBeginsPerTurn = 256;

// An attempt that has a coroutine.
struct Running {
  Attempt attempt;
  MonotonicTime began;
  asio::cancellation_signal cancel;
  StepOwner* owner = nullptr;
  bool asked = false;
  bool reported = false;  // before its end: it was given up
};

// From the control loop, in its order.
struct CancelOne {
  AttemptId id;
  CancelMode mode = CancelMode::kAsk;
};
struct DrainBy {
  MonotonicTime deadline;
};
using Command = std::variant<std::vector<Attempt>, CancelOne, DrainBy>;

Outcome ToOutcome(AttemptId id, HandlerResult result, Duration wall) {
  Outcome outcome;
  outcome.id = id;
  outcome.ending = result.ending;
  outcome.output = std::move(result.output);
  outcome.error = std::move(result.error);
  outcome.wall = wall;
  outcome.usage.bytes_in = result.bytes_in;
  outcome.usage.bytes_out = result.bytes_out;
  return outcome;
}

Finding ToFinding(const StallWatch::Stall& stall) {
  Finding finding;
  finding.job = stall.job;
  finding.task = stall.task;
  finding.code = "loop_blocked";
  finding.function = stall.type;
  finding.duration = stall.lasted;
  finding.text =
      "The handler of '" + stall.type +
      "' holds the event loop, and all other tasks on it wait; run the job on "
      "thread-pool or process-pool, or have the handler offload what takes "
      "long.";
  return finding;
}

// What a coroutine that ended by an exception comes to.
HandlerResult FromException(const std::exception_ptr& thrown, bool asked) {
  try {
    std::rethrow_exception(thrown);
  } catch (const boost::system::system_error& error) {
    if (asked && error.code() == asio::error::operation_aborted) {
      return Stopped();
    }
    return Failed(std::string("the handler threw: ") + error.what());
  } catch (const std::exception& error) {
    return Failed(std::string("the handler threw: ") + error.what());
  }
}

}  // namespace

// The thread with its event loop. Commands cross over in one queue with one
// wake-up, outcomes come back in batches.
class AsyncExecutor::Loop {
 public:
  Loop(const AsyncHandlerFactory& factory, const Clock& clock, Notify notify)
      : clock_(clock),
        outcomes_(std::move(notify)),
        drain_timer_(context_),
        handlers_(factory(context_)),
        watch_(step_, clock,
               [this](const StallWatch::Stall& stall) {
                 outcomes_.PushFinding(ToFinding(stall));
               }),
        thread_([this] { Run(); }) {}

  ~Loop() {
    asio::post(context_, [this] { Stop(); });
    thread_.join();
  }

  bool Knows(const std::string& type) const { return handlers_.contains(type); }

  void Push(Command command) EXCLUDES(mutex_) {
    bool was_empty = false;
    {
      MutexLock lock(mutex_);
      was_empty = commands_.empty();
      commands_.push_back(std::move(command));
    }
    if (was_empty) asio::post(context_, [this] { TakeCommands(); });
  }

  std::vector<Outcome> TakeOutcomes() { return outcomes_.TakeAll(); }
  std::vector<Finding> TakeFindings() { return outcomes_.TakeFindings(); }

  size_t abandoned() const {
    return abandoned_.load(std::memory_order_relaxed);
  }

 private:
  using Runs = absl::flat_hash_map<AttemptId, std::shared_ptr<Running>>;

  void Run() {
    const auto keep = asio::make_work_guard(context_);
    context_.run();
  }

  void TakeCommands() EXCLUDES(mutex_);
  void ContinueCommands();
  void Begin(Attempt& attempt);
  void Spawn(AsyncHandler& handler, Attempt& attempt, std::string parameters);
  void Ended(Running& running, const std::exception_ptr& thrown,
             HandlerResult result);
  void Cancel(const CancelOne& command);
  void DrainAt(MonotonicTime deadline);
  void GiveUp(Runs::iterator run, Ending ending);
  void EvictAll();
  void FlushSoon();
  void Stop();
  StepOwner* TakeOwner(const Attempt& attempt);
  std::optional<HandlerResult> TryAtOnce(const Attempt& attempt,
                                         const std::string& parameters);

  const Clock& clock_;
  OutcomeQueue outcomes_;
  std::atomic<size_t> abandoned_ = 0;

  Mutex mutex_;
  // At most the slots' attempts, and a cancel or two for each.
  std::vector<Command> commands_ GUARDED_BY(mutex_);

  // From here on the loop's own. Coroutines that were given up and things of
  // handlers may still name their owner, so that none is freed before the end.
  LoopStep step_;
  std::deque<StepOwner> owners_;
  std::vector<StepOwner*> owners_free_;
  StepOwner at_once_;

  asio::io_context context_{1};
  asio::steady_timer drain_timer_;
  // Destroyed before the context, which then destroys the coroutines that it
  // still holds; those that wait for a handler's own things go with it.
  const AsyncHandlers handlers_;
  std::deque<Command> accepted_;
  size_t begun_of_first_ = 0;  // in accepted_.front(), if it is a batch
  MonotonicTime now_;
  // Neighbours share their work. Held, so that no other takes its address.
  std::shared_ptr<const JobWork> last_work_;
  AsyncHandler* last_handler_ = nullptr;
  const std::string* last_type_ = nullptr;
  Runs running_;
  std::vector<Outcome> ended_;
  bool flush_posted_ = false;
  bool drained_ = false;

  StallWatch watch_;
  std::thread thread_;
};

void AsyncExecutor::Loop::TakeCommands() {
  const bool idle = accepted_.empty();
  {
    MutexLock lock(mutex_);
    for (Command& command : commands_) accepted_.push_back(std::move(command));
    commands_.clear();
  }
  if (idle) ContinueCommands();
}

void AsyncExecutor::Loop::ContinueCommands() {
  watch_.SetBusy(true);
  now_ = clock_.Now();
  size_t begins = 0;
  while (!accepted_.empty() && begins < kBeginsPerTurn) {
    Command& command = accepted_.front();
    if (auto* batch = std::get_if<std::vector<Attempt>>(&command)) {
      while (begun_of_first_ < batch->size() && begins < kBeginsPerTurn) {
        Begin((*batch)[begun_of_first_++]);
        ++begins;
      }
      if (begun_of_first_ < batch->size()) break;
      begun_of_first_ = 0;
    } else if (const auto* cancel = std::get_if<CancelOne>(&command)) {
      Cancel(*cancel);
    } else if (const auto* drain = std::get_if<DrainBy>(&command)) {
      DrainAt(drain->deadline);
    }
    accepted_.pop_front();
  }
  outcomes_.PushAll(ended_);
  if (accepted_.empty()) {
    last_work_.reset();
    watch_.SetBusy(!running_.empty());
  } else {
    asio::post(context_, [this] { ContinueCommands(); });
  }
}

void AsyncExecutor::Loop::Begin(Attempt& attempt) {
  HandlerResult result;
  if (drained_) {
    result.ending = Ending::kEvicted;
    ended_.push_back(
        ToOutcome(attempt.id, std::move(result), Duration::zero()));
    return;
  }
  if (attempt.work != last_work_) {
    last_work_ = attempt.work;
    const auto handler = handlers_.find(last_work_->job.type);
    last_type_ = &handler->first;
    last_handler_ = handler->second.get();
  }
  absl::StatusOr<std::string> parameters =
      last_work_->parameters.Render(attempt.item, attempt.id.task);
  if (parameters.ok()) {
    std::optional<HandlerResult> at_once = TryAtOnce(attempt, *parameters);
    if (!at_once.has_value()) {
      return Spawn(*last_handler_, attempt, *std::move(parameters));
    }
    result = *std::move(at_once);
  } else {
    result = Failed(std::string(parameters.status().message()));
  }
  const MonotonicTime began = std::exchange(now_, clock_.Now());
  ended_.push_back(ToOutcome(attempt.id, std::move(result), now_ - began));
}

StepOwner* AsyncExecutor::Loop::TakeOwner(const Attempt& attempt) {
  StepOwner* owner = nullptr;
  if (owners_free_.empty()) {
    owner = &owners_.emplace_back();
  } else {
    owner = owners_free_.back();
    owners_free_.pop_back();
  }
  owner->job.store(attempt.id.job.value, std::memory_order_relaxed);
  owner->task.store(attempt.id.task, std::memory_order_relaxed);
  owner->type.store(last_type_, std::memory_order_relaxed);
  return owner;
}

std::optional<HandlerResult> AsyncExecutor::Loop::TryAtOnce(
    const Attempt& attempt, const std::string& parameters) {
  at_once_.job.store(attempt.id.job.value, std::memory_order_relaxed);
  at_once_.task.store(attempt.id.task, std::memory_order_relaxed);
  at_once_.type.store(last_type_, std::memory_order_relaxed);
  const StepOwner* outer = step_.Enter(at_once_);
  std::optional<HandlerResult> result =
      last_handler_->TryAtOnce(attempt, parameters);
  step_.Leave(outer);
  return result;
}

void AsyncExecutor::Loop::Spawn(AsyncHandler& handler, Attempt& attempt,
                                std::string parameters) {
  // Shared with the coroutine, which may go on after it was given up.
  auto running = std::make_shared<Running>();
  running->attempt = std::move(attempt);
  running->began = now_;
  running->owner = TakeOwner(running->attempt);
  running_[running->attempt.id] = running;
  asio::co_spawn(StepExecutor(context_.get_executor(), step_, *running->owner),
                 handler.Run(running->attempt, std::move(parameters)),
                 asio::bind_cancellation_slot(
                     running->cancel.slot(),
                     [this, running](const std::exception_ptr& thrown,
                                     HandlerResult result) {
                       Ended(*running, thrown, std::move(result));
                     }));
}

void AsyncExecutor::Loop::Ended(Running& running,
                                const std::exception_ptr& thrown,
                                HandlerResult result) {
  if (running.reported) {
    abandoned_.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  if (thrown) result = FromException(thrown, running.asked);
  ended_.push_back(ToOutcome(running.attempt.id, std::move(result),
                             clock_.Now() - running.began));
  running_.erase(running.attempt.id);
  FlushSoon();
}

void AsyncExecutor::Loop::Cancel(const CancelOne& command) {
  const auto run = running_.find(command.id);
  if (run == running_.end()) return;
  const std::shared_ptr<Running> running = run->second;
  if (command.mode == CancelMode::kForce) GiveUp(run, Ending::kCancelled);
  running->asked = true;
  running->cancel.emit(asio::cancellation_type::all);
}

void AsyncExecutor::Loop::DrainAt(MonotonicTime deadline) {
  drain_timer_.expires_after(deadline - clock_.Now());
  drain_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) EvictAll();
  });
}

void AsyncExecutor::Loop::GiveUp(Runs::iterator run, Ending ending) {
  Running& running = *run->second;
  running.reported = true;
  abandoned_.fetch_add(1, std::memory_order_relaxed);
  HandlerResult result;
  result.ending = ending;
  ended_.push_back(ToOutcome(running.attempt.id, std::move(result),
                             clock_.Now() - running.began));
  running_.erase(run);
  FlushSoon();
}

void AsyncExecutor::Loop::EvictAll() {
  drained_ = true;
  while (!running_.empty()) {
    const std::shared_ptr<Running> running = running_.begin()->second;
    GiveUp(running_.begin(), Ending::kEvicted);
    running->cancel.emit(asio::cancellation_type::all);
  }
}

void AsyncExecutor::Loop::FlushSoon() {
  if (flush_posted_) return;
  flush_posted_ = true;
  // Behind all that is ready now, so that what ends together goes together.
  asio::post(context_, [this] {
    flush_posted_ = false;
    outcomes_.PushAll(ended_);
    if (accepted_.empty()) watch_.SetBusy(!running_.empty());
  });
}

void AsyncExecutor::Loop::Stop() {
  accepted_.clear();
  for (const auto& [id, running] : std::exchange(running_, {})) {
    running->reported = true;
    running->cancel.emit(asio::cancellation_type::all);
  }
  // The coroutines get this one turn to clean up; the context destroys those
  // that do not take it.
  asio::post(context_, [this] { context_.stop(); });
}

AsyncExecutor::AsyncExecutor(AsyncExecutorOptions options,
                             const AsyncHandlerFactory& factory,
                             const Clock& clock, Notify notify)
    : admission_(options.slots),
      loop_(std::make_unique<Loop>(factory, clock, std::move(notify))) {
  facts_.kind = ExecutorKind::kAsync;
  facts_.slots = options.slots;
  facts_.cost_per_task = std::chrono::microseconds(1);
}

AsyncExecutor::~AsyncExecutor() = default;

size_t AsyncExecutor::capacity() const {
  const size_t room = admission_.room();
  const size_t abandoned = loop_->abandoned();
  return room > abandoned ? room - abandoned : 0;
}

absl::Status AsyncExecutor::Start(std::span<const Attempt> batch) {
  const JobWork* checked = nullptr;
  for (const Attempt& attempt : batch) {
    if (attempt.work.get() == checked) continue;
    checked = attempt.work.get();
    if (!loop_->Knows(checked->job.type)) {
      return absl::InvalidArgumentError(
          "the async executor cannot run the type " + checked->job.type);
    }
  }
  const absl::Status admitted = admission_.Admit(batch, capacity());
  if (admitted.ok() && !batch.empty()) {
    loop_->Push(std::vector<Attempt>(batch.begin(), batch.end()));
  }
  return admitted;
}

void AsyncExecutor::Cancel(AttemptId id, CancelMode mode) {
  if (admission_.holds(id)) loop_->Push(CancelOne{.id = id, .mode = mode});
}

std::vector<Outcome> AsyncExecutor::TakeOutcomes() {
  std::vector<Outcome> outcomes = loop_->TakeOutcomes();
  admission_.Release(outcomes);
  return outcomes;
}

std::vector<Finding> AsyncExecutor::TakeFindings() {
  return loop_->TakeFindings();
}

void AsyncExecutor::Drain(MonotonicTime deadline) {
  admission_.Close();
  loop_->Push(DrainBy{.deadline = deadline});
}

}  // namespace remuda
