#include "executors/process_pool/command_runner.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <optional>
#include <system_error>
#include <utility>

#include "base/log.h"
#include "executors/process_pool/command_parameters.h"
#include "executors/processes/output_capture.h"
#include "executors/processes/thread_caps.h"

namespace remuda {
namespace {

// A program that prints without pause gets this much of the loop's turn.
constexpr size_t kReadPerTurnMax = size_t{256} << 10;

// Pipes are watched from then on; a command that is over sooner is read once,
// at its end. What it prints meanwhile fills a pipe of 64 KiB at most.
constexpr Duration kUnwatchedMax = std::chrono::milliseconds(10);

// After a command that printed so much, pipes are watched from the beginning
// for so many commands: the next may print as much, and would wait.
constexpr uint64_t kMuchOutputBytes = uint64_t{32} << 10;
constexpr size_t kWatchedAtOnce = 64;

// What it prints into a pipe when its readers fall behind; the rest it keeps.
constexpr size_t kPipeBytesMax = size_t{1} << 20;

absl::StatusOr<UniqueFd> FileWith(const std::string& content) {
  UniqueFd fd(memfd_create("stdin", MFD_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, "make a file for stdin");
  std::string_view rest = content;
  while (!rest.empty()) {
    const ssize_t count = write(fd.get(), rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus(errno, "write the file for stdin");
    rest.remove_prefix(static_cast<size_t>(count));
  }
  lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

std::vector<std::string> Environment(const Attempt& attempt,
                                     std::vector<std::string> own) {
  bool has_path = false;
  for (const std::string& entry : own) has_path |= entry.rfind("PATH=", 0) == 0;
  if (!has_path) own.emplace_back(kChildPath);
  AddThreadCaps(attempt.work->job.resources.cpu, &own);
  own.push_back("REMUDA_JOB_ID=" + std::to_string(attempt.work->id.value));
  own.push_back("REMUDA_TASK_INDEX=" + std::to_string(attempt.id.task));
  own.push_back("REMUDA_ATTEMPT=" + std::to_string(attempt.id.fence.value));
  return own;
}

ProcessLimits LimitsOf(const Job& job) {
  return {.memory_bytes = job.resources.memory_bytes,
          .processes = kTaskProcessesMax};
}

// Adds a member to the object that `json` is.
void AddFiles(const std::vector<OutputFile>& files, std::string* json) {
  json->pop_back();
  *json += ",\"files\":[";
  for (size_t i = 0; i < files.size(); ++i) {
    *json += (i == 0 ? "{\"path\":" : ",{\"path\":") +
             BytesAsJson(files[i].path) +
             ",\"bytes\":" + std::to_string(files[i].bytes) + "}";
  }
  *json += "]}";
}

}  // namespace

struct CommandRunner::Run {
  Run(PoolTask& of, const std::string& log)
      : task(of), log_folder(log), out(log, "stdout"), err(log, "stderr") {}

  PoolTask& task;
  CommandParameters parameters;
  std::string own_folder;  // to remove; empty if the job named one
  const std::string log_folder;
  OutputCapture out;
  OutputCapture err;
  std::array<UniqueFd, 2> pipes;       // of standard output and error
  std::optional<TimerId> watch_timer;  // until they are watched
  uint64_t process = 0;
};

CommandRunner::CommandRunner(EventLoop& loop, ProcessHost& host, OomWatch& oom,
                             const ProcessPoolOptions& options, Left left,
                             Ended ended)
    : loop_(loop),
      host_(host),
      oom_(oom),
      options_(options),
      left_(std::move(left)),
      ended_(std::move(ended)),
      folders_(options.work_folder),
      mover_(loop) {}

CommandRunner::~CommandRunner() {
  for (auto& [id, run] : runs_) Close(*run);
}

bool CommandRunner::Start(PoolTask& task, Turn turn) {
  const AttemptId id = task.attempt.id;
  auto run =
      std::make_unique<Run>(task, options_.log_folder + "/" + FileName(id));
  task.place = PoolTask::Place::kCommand;
  const absl::Status status = Launch(*run, turn);
  if (!status.ok()) {
    Close(*run);
    Outcome outcome;
    outcome.ending = Ending::kError;
    outcome.error = std::string(status.message());
    ended_(task, std::move(outcome));
    return false;
  }
  runs_.emplace(id, std::move(run));
  return true;
}

absl::Status CommandRunner::Launch(Run& run, Turn turn) {
  const Attempt& attempt = run.task.attempt;
  const auto text =
      attempt.work->parameters.Render(attempt.item, attempt.id.task);
  if (!text.ok()) return text.status();
  auto parsed = ParseCommandParameters(*text);
  if (!parsed.ok()) return parsed.status();
  run.parameters = *std::move(parsed);
  ProcessStart start;
  if (!run.parameters.standard_input.empty()) {
    auto file = FileWith(run.parameters.standard_input);
    if (!file.ok()) return file.status();
    start.descriptors[0] = *std::move(file);
  }
  for (size_t i = 0; i < run.pipes.size(); ++i) {
    auto pipe = MakePipe();
    if (!pipe.ok()) return pipe.status();
    run.pipes[i] = std::move(pipe->first);
    start.descriptors[i + 1] = std::move(pipe->second);
    const absl::Status status = SetNonBlocking(run.pipes[i].get());
    if (!status.ok()) return status;
  }
  if (run.parameters.directory.empty()) {
    auto folder = folders_.Take();
    if (!folder.ok()) return folder.status();
    run.own_folder = *std::move(folder);
    run.parameters.directory = run.own_folder;
  }
  start.argv = std::move(run.parameters.argv);
  run.parameters.argv = {start.argv.front()};
  start.environment =
      Environment(attempt, std::move(run.parameters.environment));
  start.directory = run.parameters.directory;
  start.limits = LimitsOf(attempt.work->job);
  start.in_line = true;
  start.waits = turn == Turn::kNext;
  run.process = host_.Start(
      std::move(start),
      [this, id = attempt.id](const ProcessEnd& end) { OnEnded(id, end); });
  if (turn == Turn::kNow) Began(run);
  return absl::OkStatus();
}

void CommandRunner::Begin(const PoolTask& task) {
  const auto found = runs_.find(task.attempt.id);
  if (found != runs_.end()) Began(*found->second);
}

void CommandRunner::Began(Run& run) {
  if (watch_at_once_ > 0) {
    --watch_at_once_;
    Watch(run);
    return;
  }
  run.watch_timer = loop_.RunAfter(kUnwatchedMax, [this, &run] { Watch(run); });
}

void CommandRunner::Watch(Run& run) {
  run.watch_timer.reset();
  for (int stream = 0; stream < 2; ++stream) {
    loop_.WatchReadable(run.pipes[static_cast<size_t>(stream)].get(),
                        [this, &run, stream] { OnReadable(run, stream); });
  }
}

void CommandRunner::Stop(PoolTask& task, CancelMode mode) {
  const auto found = runs_.find(task.attempt.id);
  if (found == runs_.end()) return;
  if (mode == CancelMode::kForce) {
    host_.Signal(found->second->process, SIGKILL, SignalTarget::kTree);
  } else {
    host_.Signal(found->second->process, SIGTERM, SignalTarget::kGroup);
  }
}

void CommandRunner::OnReadable(Run& run, int stream) {
  UniqueFd& pipe = run.pipes[static_cast<size_t>(stream)];
  OutputCapture& capture = stream == 0 ? run.out : run.err;
  static thread_local std::array<char, size_t{64} << 10> bytes;
  for (size_t total = 0; pipe.valid() && total < kReadPerTurnMax;) {
    const ssize_t count = read(pipe.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) {
      loop_.Unwatch(pipe.get());
      pipe.Reset();
      return;
    }
    capture.Add({bytes.data(), static_cast<size_t>(count)});
    total += static_cast<size_t>(count);
    // Less than was asked for means that the pipe is empty now.
    if (static_cast<size_t>(count) < bytes.size()) return;
  }
}

void CommandRunner::OnEnded(AttemptId id, const ProcessEnd& end) {
  const auto found = runs_.find(id);
  if (found == runs_.end()) return;
  std::unique_ptr<Run> run = std::move(found->second);
  runs_.erase(found);
  const auto* failed = std::get_if<SpawnFailed>(&end);
  const bool was_stopped =
      failed != nullptr && failed->stage == SpawnStage::kStopped;
  if (!was_stopped) left_(run->task);
  if (const auto* exited = std::get_if<ProcessExited>(&end)) {
    Finish(std::move(run), *exited);
    return;
  }
  Close(*run);
  Outcome outcome;
  if (was_stopped) {
    outcome.ending = StoppedEnding(run->task);
    outcome.started = false;
  } else if (failed != nullptr) {
    outcome.ending = Ending::kError;
    outcome.error = DescribeSpawnFailure(*failed, run->parameters.argv.front(),
                                         run->parameters.directory);
  } else {
    outcome.ending = Ending::kEvicted;
    outcome.error = "the command " + DescribeLoss(std::get<ProcessLost>(end));
  }
  ended_(run->task, std::move(outcome));
}

void CommandRunner::Finish(std::unique_ptr<Run> run,
                           const ProcessExited& exited) {
  // All that could write is gone, or will not be waited for; what is in the
  // pipes is all there will be. A pipe holds a bounded amount.
  for (int stream = 0; stream < 2; ++stream) {
    for (size_t i = 0; i <= kPipeBytesMax / kReadPerTurnMax; ++i) {
      OnReadable(*run, stream);
    }
  }
  ClosePipes(*run);
  if (std::max(run->out.bytes(), run->err.bytes()) > kMuchOutputBytes) {
    watch_at_once_ = kWatchedAtOnce;
  }
  Outcome outcome = OutcomeOf(*run, exited);
  NoteKept(*run);
  if (outcome.ending == Ending::kSucceeded &&
      !run->task.attempt.work->job.outputs.to.empty()) {
    Keep(std::move(run), std::move(outcome));
    return;
  }
  Close(*run);
  ended_(run->task, std::move(outcome));
}

// The attempt keeps its slot until its files are where they belong.
void CommandRunner::Keep(std::unique_ptr<Run> run, Outcome outcome) {
  const Attempt& attempt = run->task.attempt;
  const std::string folder = run->own_folder;
  const std::shared_ptr<Run> kept = std::move(run);
  const auto then = [this, kept, outcome = std::move(outcome)](
                        const absl::StatusOr<std::vector<OutputFile>>& files) {
    Outcome last = outcome;
    if (files.ok()) {
      AddFiles(*files, &last.output);
    } else {
      last.ending = Ending::kError;
      last.error = std::string(files.status().message());
    }
    Close(*kept);
    ended_(kept->task, std::move(last));
  };
  mover_.Collect(folder, attempt.work->job.outputs, attempt.id, then);
}

Outcome CommandRunner::OutcomeOf(const Run& run, const ProcessExited& exited) {
  const int status = exited.wait_status;
  const bool was_killed = WIFSIGNALED(status);
  Outcome outcome;
  outcome.wall = exited.wall;
  outcome.usage.cpu = exited.cpu;
  outcome.usage.memory_max_bytes = exited.memory_max_bytes;
  outcome.usage.switches_voluntary = exited.switches_voluntary;
  outcome.usage.switches_involuntary = exited.switches_involuntary;
  outcome.usage.bytes_out = run.out.bytes() + run.err.bytes();
  outcome.error = DescribeWaitStatus(status);
  if (!was_killed) outcome.exit_code = WEXITSTATUS(status);
  if (run.task.stop != PoolTask::Stop::kNone && exited.signalled) {
    outcome.ending = StoppedEnding(run.task);
  } else if (exited.limit != LimitBroken::kNone) {
    const bool is_memory = exited.limit == LimitBroken::kMemory;
    if (is_memory) oom_.Skip();
    outcome.ending = is_memory ? Ending::kOom : Ending::kError;
    outcome.error = "the command " +
                    DescribeLimit(exited, LimitsOf(run.task.attempt.work->job));
  } else if (was_killed && WTERMSIG(status) == SIGKILL && oom_.TakeKill()) {
    outcome.ending = Ending::kOom;
    outcome.error = "killed by the kernel because memory ran out";
  } else if (was_killed) {
    outcome.ending = Ending::kCrash;
  } else if (outcome.exit_code != 0) {
    outcome.ending = Ending::kError;
  }
  const char* signal_name =
      was_killed ? sigabbrev_np(WTERMSIG(status)) : nullptr;
  const std::string signal_text = signal_name != nullptr
                                      ? "SIG" + std::string(signal_name)
                                      : std::to_string(WTERMSIG(status));
  outcome.output =
      "{\"exit_code\":" +
      (was_killed ? "null" : std::to_string(outcome.exit_code)) +
      ",\"signal\":" + (was_killed ? "\"" + signal_text + "\"" : "null") +
      ",\"stdout\":" + BytesAsJson(run.out.Text()) +
      ",\"stderr\":" + BytesAsJson(run.err.Text()) +
      ",\"stdout_bytes\":" + std::to_string(run.out.bytes()) +
      ",\"stderr_bytes\":" + std::to_string(run.err.bytes()) +
      ",\"truncated\":" +
      (run.out.truncated() || run.err.truncated() ? "true}" : "false}");
  if (run.out.has_file() || run.err.has_file()) {
    outcome.log_path = run.log_folder;
  }
  return outcome;
}

// Says once that output is being lost, until some is kept again: on a full disk
// every command has the same to say.
void CommandRunner::NoteKept(const Run& run) {
  for (const OutputCapture* capture : {&run.out, &run.err}) {
    if (capture->has_file()) losing_output_ = false;
    if (capture->file_error() == 0 || losing_output_) continue;
    losing_output_ = true;
    Log(LogLevel::kWarning, "output_not_kept",
        "Output of a command could not be written; its beginning and its end "
        "are kept.",
        {{"job", run.task.attempt.id.job.value},
         {"task", run.task.attempt.id.task},
         {"folder", run.log_folder},
         {"reason", std::system_category().message(capture->file_error())}});
  }
}

void CommandRunner::ClosePipes(Run& run) {
  if (run.watch_timer.has_value()) loop_.CancelTimer(*run.watch_timer);
  run.watch_timer.reset();
  for (UniqueFd& pipe : run.pipes) {
    if (!pipe.valid()) continue;
    loop_.Unwatch(pipe.get());
    pipe.Reset();
  }
}

void CommandRunner::Close(Run& run) {
  ClosePipes(run);
  if (!run.own_folder.empty()) folders_.Return(std::move(run.own_folder));
}

}  // namespace remuda
