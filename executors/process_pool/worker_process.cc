#include "executors/process_pool/worker_process.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "executors/processes/output_capture.h"

namespace remuda {
namespace {

constexpr size_t kReadBytes = size_t{64} << 10;

// A worker that sends without pause gets this much of the loop's turn.
constexpr int kReadsPerTurnMax = 16;

// How much of a crashed worker's standard error goes into the error.
constexpr size_t kLastWordsMax = 4096;

// What a file of output may take on the disk, and how much of its end is kept
// when it is cut.
constexpr off_t kOutputDiskMax = off_t{32} << 20;
constexpr off_t kOutputEndKept = off_t{64} << 10;

// A file without a name; in memory where the disk has none such.
absl::StatusOr<UniqueFd> OutputFile(const std::string& folder) {
  UniqueFd fd(
      open(folder.c_str(), O_TMPFILE | O_RDWR | O_APPEND | O_CLOEXEC, 0600));
  if (!fd.valid()) {
    fd.Reset(memfd_create("remuda-output", MFD_CLOEXEC));
    if (fd.valid()) fcntl(fd.get(), F_SETFL, O_APPEND);
  }
  if (!fd.valid()) return ErrnoStatus(errno, "make a file for a worker");
  return fd;
}

UniqueFd Duplicate(const UniqueFd& fd) {
  return UniqueFd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
}

off_t SizeOf(int fd) {
  struct stat facts {};
  return fstat(fd, &facts) == 0 ? facts.st_size : 0;
}

// The end of the file, at most `bytes_max` of it.
std::string EndOf(int fd, size_t bytes_max) {
  const off_t size = SizeOf(fd);
  const off_t from = std::max<off_t>(0, size - static_cast<off_t>(bytes_max));
  std::string text(static_cast<size_t>(size - from), '\0');
  const ssize_t count = pread(fd, text.data(), text.size(), from);
  text.resize(count > 0 ? static_cast<size_t>(count) : 0);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

// What a task printed is lost where the disk is full, and that is said.
void WriteFile(const std::string& folder, const char* name,
               const std::string& content) {
  mkdir(folder.c_str(), 0700);
  const std::string path = folder + "/" + name;
  std::ofstream file(path, std::ios::binary);
  file << content;
  file.close();
  if (file) return;
  const int error = errno;
  unlink(path.c_str());
  Log(LogLevel::kWarning, "output_not_kept",
      "Output of a task could not be written.",
      {{"file", path},
       {"bytes", content.size()},
       {"reason", std::system_category().message(error)}});
}

}  // namespace

WorkerProcess::WorkerProcess(EventLoop& loop, ProcessHost& host, OomWatch& oom,
                             const ProcessPoolOptions& options,
                             const WorkerCommand& command, Owner& owner,
                             WorkerCell cell)
    : loop_(loop),
      host_(host),
      oom_(oom),
      options_(options),
      command_(command),
      owner_(owner),
      cell_(std::move(cell)),
      started_(loop.Now()),
      front_since_(loop.Now()),
      limit_timer_{} {}

absl::StatusOr<std::unique_ptr<WorkerProcess>> WorkerProcess::Start(
    EventLoop& loop, ProcessHost& host, OomWatch& oom,
    const ProcessPoolOptions& options, const WorkerCommand& command,
    Owner& owner) {
  auto cell = WorkerCell::Make();
  if (!cell.ok()) return cell.status();
  std::unique_ptr<WorkerProcess> worker(new WorkerProcess(
      loop, host, oom, options, command, owner, *std::move(cell)));
  const absl::Status status = worker->Launch();
  if (!status.ok()) return status;
  return worker;
}

absl::Status WorkerProcess::Launch() {
  auto pair = MakeSocketPair();
  if (!pair.ok()) return pair.status();
  auto output = OutputFile(options_.work_folder);
  if (!output.ok()) return output.status();
  auto errors = OutputFile(options_.work_folder);
  if (!errors.ok()) return errors.status();
  folder_ = options_.work_folder + "/worker-XXXXXX";
  if (mkdtemp(folder_.data()) == nullptr) {
    const int error = errno;
    folder_.clear();
    return ErrnoStatus(error, "make a folder for a worker");
  }
  socket_ = std::move(pair->first);
  output_ = *std::move(output);
  errors_ = *std::move(errors);
  ProcessStart start;
  start.argv = command_.argv;
  start.environment = {
      kChildPath,
      std::string(kWorkerChannelVariable) + "=" +
          std::to_string(kWorkerChannelFd),
      std::string(kWorkerCellVariable) + "=" + std::to_string(kWorkerCellFd)};
  start.directory = folder_;
  start.descriptors[1] = Duplicate(output_);
  start.descriptors[2] = Duplicate(errors_);
  start.descriptors[kWorkerChannelFd] = std::move(pair->second);
  start.descriptors[kWorkerCellFd] = Duplicate(cell_.fd());
  process_ = host_.Start(std::move(start),
                         [this](const ProcessEnd& end) { OnEnded(end); });
  loop_.WatchReadable(socket_.get(), [this] { OnReadable(); });
  limit_timer_ = loop_.RunAfter(options_.worker_start_max, [this] {
    if (state_ == State::kStarting) Break("did not say hello in time");
  });
  return absl::OkStatus();
}

WorkerProcess::~WorkerProcess() {
  loop_.CancelTimer(limit_timer_);
  if (socket_.valid()) loop_.Unwatch(socket_.get());
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

uint64_t WorkerProcess::MemoryBytes() const {
  if (pid_ <= 0) return 0;
  // The second number is the resident size in pages.
  std::ifstream file("/proc/" + std::to_string(pid_) + "/statm");
  uint64_t all = 0;
  uint64_t resident = 0;
  file >> all >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

bool WorkerProcess::CanTake() const {
  return state_ == State::kReady && last_ended_ + 1 >= revoked_end_;
}

void WorkerProcess::Send(std::span<PoolTask* const> tasks, bool with_items) {
  CHECK(CanTake() && !tasks.empty());
  if (held_.empty()) front_since_ = loop_.Now();
  for (PoolTask* task : tasks) {
    task->place = PoolTask::Place::kWorker;
    task->worker = this;
    task->worker_task = next_task_++;
    held_.push_back(task);
  }
  unsent_ += WorkerFrame(TasksMessage(tasks, with_items));
}

bool WorkerProcess::IsRunning(const PoolTask& task) const {
  return cell_.Current() == task.worker_task;
}

bool WorkerProcess::KeepsResults() const {
  return !held_.empty() && cell_.Current() > held_.front()->worker_task;
}

void WorkerProcess::Ask(PoolTask& task) {
  unsent_ += WorkerFrame(CancelMessage(task.worker_task));
  Poke();
}

void WorkerProcess::Poke() {
  Flush();  // it must find the message when the signal comes
  host_.Signal(process_, SIGTERM, SignalTarget::kProcess);
}

std::vector<PoolTask*> WorkerProcess::TakeBack(const PoolTask& task) {
  std::vector<PoolTask*> taken;
  if (!CanTake()) return taken;
  revoked_end_ = next_task_;
  taken_back_at_ = loop_.Now();
  cell_.Revoke(task.worker_task, next_task_);
  const uint64_t begun = cell_.Current();
  while (!held_.empty() && held_.back()->worker_task >= task.worker_task &&
         held_.back()->worker_task > begun) {
    taken.push_back(held_.back());
    taken.back()->place = PoolTask::Place::kQueued;
    taken.back()->worker = nullptr;
    held_.pop_back();
  }
  std::reverse(taken.begin(), taken.end());
  return taken;
}

void WorkerProcess::Drain() {
  if (state_ != State::kReady) return;
  state_ = State::kDraining;
  unsent_ += WorkerFrame(DrainMessage());
  LimitEnd();
}

// The time to end in begins when nothing is left to do.
void WorkerProcess::LimitEnd() {
  if (state_ != State::kDraining || !held_.empty()) return;
  loop_.CancelTimer(limit_timer_);
  limit_timer_ = loop_.RunAfter(options_.worker_end_max, [this] { Kill(); });
}

void WorkerProcess::Kill() {
  killed_by_us_ = true;
  host_.Signal(process_, SIGKILL, SignalTarget::kTree);
}

void WorkerProcess::Flush() {
  while (!waits_for_room_ && socket_.valid() && unsent_from_ < unsent_.size()) {
    const ssize_t count =
        send(socket_.get(), unsent_.data() + unsent_from_,
             unsent_.size() - unsent_from_, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) {
      waits_for_room_ = true;
      loop_.WatchWritable(socket_.get(), [this] {
        loop_.UnwatchWritable(socket_.get());
        waits_for_room_ = false;
        Flush();
      });
      return;
    }
    if (count < 0) break;  // it is gone, and its end will be reported
    unsent_from_ += static_cast<size_t>(count);
  }
  if (waits_for_room_) return;
  unsent_.clear();
  unsent_from_ = 0;
}

void WorkerProcess::OnReadable() {
  for (int i = 0; i < kReadsPerTurnMax && socket_.valid(); ++i) {
    if (!ReadSome()) return;
  }
}

// Returns false when there is nothing more to read now.
bool WorkerProcess::ReadSome() {
  static thread_local std::array<char, kReadBytes> bytes;
  const ssize_t count =
      recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (count < 0 && errno == EINTR) return true;
  if (count < 0 && errno == EAGAIN) return false;
  if (count <= 0) {
    // Its end is about to be reported; one that lives on without a channel is
    // of no use.
    loop_.Unwatch(socket_.get());
    socket_.Reset();
    if (state_ != State::kDraining && state_ != State::kGone) {
      loop_.CancelTimer(limit_timer_);
      limit_timer_ =
          loop_.RunAfter(std::chrono::seconds(1), [this] { Kill(); });
    }
    return false;
  }
  frames_.Add({bytes.data(), static_cast<size_t>(count)});
  while (broken_.empty()) {
    const auto body = frames_.Next();
    if (!body.has_value()) break;
    absl::StatusOr<WorkerMessage> message = ParseWorkerMessage(*body);
    if (!message.ok()) {
      Break("sent " + std::string(message.status().message()));
    } else {
      Handle(*std::move(message));
    }
  }
  if (frames_.broken()) Break("sent a frame that is too long");
  return static_cast<size_t>(count) == bytes.size();
}

void WorkerProcess::Handle(WorkerMessage message) {
  if (const auto* hello = std::get_if<WorkerHello>(&message)) {
    HandleHello(*hello);
  } else if (const auto* ready = std::get_if<WorkerReady>(&message)) {
    credits_ = std::max<size_t>(1, ready->credits);
    if (state_ != State::kStarting) return;
    loop_.CancelTimer(limit_timer_);
    state_ = State::kReady;
    owner_.OnWorkerReady(*this);
  } else if (const auto* results =
                 std::get_if<std::vector<WorkerResult>>(&message)) {
    HandleResults(*results);
  } else if (const auto* log = std::get_if<WorkerLog>(&message)) {
    HandleLog(*log);
  }
}

void WorkerProcess::HandleHello(const WorkerHello& hello) {
  if (hello.protocol != kWorkerProtocol) {
    Break("speaks version " + std::to_string(hello.protocol) +
          " of the worker protocol; this agent speaks version " +
          std::to_string(kWorkerProtocol));
    return;
  }
  pid_ = hello.pid;
  unsent_ += WorkerFrame(WelcomeMessage(options_.log_folder));
  Flush();
}

void WorkerProcess::HandleResults(const std::vector<WorkerResult>& results) {
  for (const WorkerResult& result : results) {
    if (result.first >= next_task_ ||
        result.count > next_task_ - result.first) {
      Break("ended a task that it was never given");
      return;
    }
    const uint64_t end = result.first + result.count;
    last_ended_ = std::max(last_ended_, end - 1);
    // Nothing took longer than the worker lived, whatever it says.
    const Duration wall = std::min(result.wall, loop_.Now() - started_) /
                          static_cast<int64_t>(result.count);
    // Those of the range that are not held were taken back.
    while (!held_.empty() && held_.front()->worker_task < end) {
      PoolTask& task = *held_.front();
      if (task.worker_task < result.first) {
        Break("passed over a task that it had been given");
        return;
      }
      held_.pop_front();
      EndTask(task, result, wall);
    }
  }
  front_since_ = loop_.Now();
  LimitEnd();
  owner_.OnWorkerReady(*this);
}

void WorkerProcess::EndTask(PoolTask& task, const WorkerResult& result,
                            Duration wall) {
  task.worker = nullptr;
  task.place = PoolTask::Place::kQueued;
  if (result.ending == WorkerResult::Ending::kReturned) {
    owner_.OnTaskReturned(task);
    return;
  }
  ++tasks_done_;
  Outcome outcome;
  outcome.wall = wall;
  outcome.log_path = task.log_path;
  const auto count = static_cast<int64_t>(result.count);
  if (result.cpu.has_value()) outcome.usage.cpu = *result.cpu / count;
  outcome.usage.switches_voluntary = result.switches_voluntary;
  outcome.usage.switches_involuntary = result.switches_involuntary;
  outcome.output = result.output;
  outcome.error = result.error;
  switch (result.ending) {
    case WorkerResult::Ending::kSucceeded:
    case WorkerResult::Ending::kReturned:
      break;
    case WorkerResult::Ending::kError:
      outcome.ending = Ending::kError;
      break;
    case WorkerResult::Ending::kCancelled:
      // One that stopped without being asked has failed.
      outcome.ending = task.stop == PoolTask::Stop::kNone ? Ending::kError
                                                          : StoppedEnding(task);
      break;
  }
  owner_.OnTaskEnded(task, std::move(outcome));
}

std::string WorkerProcess::LogFolder(PoolTask& task) const {
  if (task.log_path.empty()) {
    task.log_path = options_.log_folder + "/" + FileName(task.attempt.id);
  }
  return task.log_path;
}

void WorkerProcess::HandleLog(const WorkerLog& log) {
  for (PoolTask* task : held_) {
    if (task->worker_task != log.task) continue;
    const char* name = log.is_stderr ? "stderr" : "stdout";
    const std::string folder = LogFolder(*task);
    if (log.file.empty()) {
      WriteFile(folder, name, log.text);
      return;
    }
    // The name comes from a process that runs a user's code.
    if (log.file.find('/') != std::string::npos || log.file[0] == '.') {
      Break("named a log file outside of the log folder");
      return;
    }
    mkdir(folder.c_str(), 0700);
    std::rename((options_.log_folder + "/" + log.file).c_str(),
                (folder + "/" + name).c_str());
    return;
  }
}

void WorkerProcess::Break(const std::string& reason) {
  if (!broken_.empty()) return;
  broken_ = reason;
  Kill();
}

void WorkerProcess::OnEnded(const ProcessEnd& end) {
  // What it still said counts: its last results, or why it could not start.
  for (int i = 0; i < kReadsPerTurnMax * 64 && socket_.valid(); ++i) {
    if (!ReadSome()) break;
  }
  Gone gone;
  gone.was_ready = state_ == State::kReady || state_ == State::kDraining;
  gone.expected = state_ == State::kDraining && held_.empty();
  state_ = State::kGone;
  gone.last_words = LastWords();
  const uint64_t begun = cell_.Current();
  if (const auto* failed = std::get_if<SpawnFailed>(&end)) {
    gone.could_start = false;
    gone.how = DescribeSpawnFailure(*failed, command_.argv.front(), folder_);
  } else if (const auto* exited = std::get_if<ProcessExited>(&end)) {
    const int status = exited->wait_status;
    const std::string words = DescribeWaitStatus(status);
    gone.how = words.empty() ? "exited with code 0"
                             : (WIFSIGNALED(status) ? "was " + words : words);
    if (!killed_by_us_ && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL &&
        oom_.TakeKill()) {
      gone.ending = Ending::kOom;
      gone.how = "was killed by the kernel because memory ran out";
    }
  } else {
    gone.ending = Ending::kEvicted;
    gone.how = "was lost with the agent's spawner";
  }
  if (!broken_.empty()) gone.how = broken_;
  gone.exit = ExitOf(end, gone);
  for (PoolTask* task : std::exchange(held_, {})) {
    task->place = PoolTask::Place::kQueued;
    task->worker = nullptr;
    if (task->worker_task == begun) {
      gone.ran = task;
      gone.ran_for = loop_.Now() - front_since_;
      SaveOutput(*task);
    } else {
      gone.others.push_back(task);
    }
  }
  owner_.OnWorkerGone(*this, std::move(gone));
}

WorkerProcess::Exit WorkerProcess::ExitOf(const ProcessEnd& end,
                                          const Gone& gone) const {
  if (gone.ending == Ending::kOom) return Exit::kOom;
  if (!broken_.empty()) return Exit::kError;
  if (killed_by_us_) return Exit::kTimeout;
  const auto* exited = std::get_if<ProcessExited>(&end);
  if (exited == nullptr) return Exit::kError;
  if (WIFSIGNALED(exited->wait_status)) return Exit::kSignal;
  return gone.expected ? Exit::kRecycled : Exit::kError;
}

std::string WorkerProcess::LastWords() const {
  return EndOf(errors_.get(), kLastWordsMax);
}

// What a task printed before its worker died.
void WorkerProcess::SaveOutput(PoolTask& task) const {
  const std::array<std::pair<int, const char*>, 2> files = {
      std::pair{output_.get(), "stdout"}, std::pair{errors_.get(), "stderr"}};
  for (const auto& [fd, name] : files) {
    const std::string text =
        EndOf(fd, static_cast<size_t>(OutputCapture::kFileBytesMax));
    if (!text.empty()) WriteFile(LogFolder(task), name, text);
  }
}

void WorkerProcess::TrimOutput() {
  for (const int fd : {output_.get(), errors_.get()}) {
    struct stat facts {};
    if (fstat(fd, &facts) != 0 || facts.st_blocks * 512 < kOutputDiskMax) {
      continue;
    }
    const auto kept = static_cast<off_t>(OutputCapture::kFileBytesMax);
    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, kept,
              facts.st_size - kept - kOutputEndKept);
  }
}

}  // namespace remuda
