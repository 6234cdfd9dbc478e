#include "executors/workers/worker_link.h"

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
#include <sstream>
#include <system_error>
#include <utility>

#include "base/log.h"
#include "executors/processes/output_capture.h"
#include "executors/processes/thread_caps.h"

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

// Changes of one worker's facts that the log has.
constexpr int kFactsToldMax = 8;

// Reading a worker's memory costs a look into /proc. What is told is rounded
// up, so that workers alike are told of alike.
constexpr Duration kMemoryPause = std::chrono::seconds(1);
constexpr uint64_t kMemoryStep = uint64_t{1} << 20;

// Of /proc/PID/stat, between the name and the time in user mode.
constexpr int kStatFieldsBeforeCpu = 11;

// How long a worker may live without its channel.
constexpr Duration kSpeechlessMax = std::chrono::seconds(1);

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

WorkerLink::WorkerLink(EventLoop& loop, ProcessHost& host, OomWatch& oom,
                       const WorkerPlace& place, const WorkerCommand& command,
                       const WorkerHosting& hosting, Owner& owner,
                       WorkerCell cell)
    : loop_(loop),
      host_(host),
      oom_(oom),
      place_(place),
      program_(command.argv.front()),
      limits_(command.limits),
      hosting_(hosting),
      owner_(owner),
      cell_(std::move(cell)),
      started_(loop.Now()),
      limit_timer_{} {}

absl::StatusOr<std::unique_ptr<WorkerLink>> WorkerLink::Start(
    EventLoop& loop, ProcessHost& host, OomWatch& oom, const WorkerPlace& place,
    const WorkerCommand& command, const WorkerHosting& hosting, Owner& owner) {
  auto cell = WorkerCell::Make();
  if (!cell.ok()) return cell.status();
  std::unique_ptr<WorkerLink> link(new WorkerLink(
      loop, host, oom, place, command, hosting, owner, *std::move(cell)));
  const absl::Status status = link->Launch(command);
  if (!status.ok()) return status;
  return link;
}

absl::Status WorkerLink::Launch(const WorkerCommand& command) {
  auto pair = MakeSocketPair();
  if (!pair.ok()) return pair.status();
  auto output = OutputFile(place_.work_folder);
  if (!output.ok()) return output.status();
  auto errors = OutputFile(place_.work_folder);
  if (!errors.ok()) return errors.status();
  folder_ = place_.work_folder + "/worker-XXXXXX";
  if (mkdtemp(folder_.data()) == nullptr) {
    const int error = errno;
    folder_.clear();
    return ErrnoStatus(error, "make a folder for a worker");
  }
  socket_ = std::move(pair->first);
  output_ = *std::move(output);
  errors_ = *std::move(errors);
  ProcessStart start;
  start.argv = command.argv;
  start.environment = {
      kChildPath,
      std::string(kWorkerChannelVariable) + "=" +
          std::to_string(kWorkerChannelFd),
      std::string(kWorkerCellVariable) + "=" + std::to_string(kWorkerCellFd)};
  start.environment.insert(start.environment.end(), command.environment.begin(),
                           command.environment.end());
  AddThreadCaps(hosting_.cpus, &start.environment);
  start.directory = folder_;
  start.limits = limits_;
  if (command.can_be_zygote) start.zygote = Name(hosting_.mode);
  start.descriptors[1] = Duplicate(output_);
  start.descriptors[2] = Duplicate(errors_);
  start.descriptors[kWorkerChannelFd] = std::move(pair->second);
  start.descriptors[kWorkerCellFd] = Duplicate(cell_.fd());
  process_ = host_.Start(std::move(start),
                         [this](const ProcessEnd& end) { OnEnded(end); });
  loop_.WatchReadable(socket_.get(), [this] { OnReadable(); });
  limit_timer_ = loop_.RunAfter(place_.start_max, [this] {
    if (!ready_) Break("did not say hello in time");
  });
  return absl::OkStatus();
}

WorkerLink::~WorkerLink() {
  loop_.CancelTimer(limit_timer_);
  if (socket_.valid()) loop_.Unwatch(socket_.get());
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

void WorkerLink::Flush() {
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

void WorkerLink::Signal(int signal) {
  host_.Signal(process_, signal, SignalTarget::kProcess);
}

void WorkerLink::Kill() {
  killed_by_us_ = true;
  host_.Signal(process_, SIGKILL, SignalTarget::kTree);
}

void WorkerLink::Break(const std::string& reason) {
  if (broken()) return;
  broken_ = reason;
  Kill();
}

void WorkerLink::LimitEnd(Duration time) {
  is_ending_ = true;
  loop_.CancelTimer(limit_timer_);
  limit_timer_ = loop_.RunAfter(time, [this] { Kill(); });
}

uint64_t WorkerLink::MemoryBytes() const {
  if (pid_ <= 0) return 0;
  // The second number is the resident size in pages.
  std::ifstream file("/proc/" + std::to_string(pid_) + "/statm");
  uint64_t all = 0;
  uint64_t resident = 0;
  file >> all >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

std::optional<uint64_t> WorkerLink::MemoryBytesLately() {
  if (memory_bytes_ == 0 || loop_.Now() - memory_read_at_ >= kMemoryPause) {
    memory_bytes_ =
        (MemoryBytes() + kMemoryStep - 1) / kMemoryStep * kMemoryStep;
    memory_read_at_ = loop_.Now();
  }
  if (memory_bytes_ == 0) return std::nullopt;
  return memory_bytes_;
}

std::optional<Duration> WorkerLink::CpuTime() const {
  if (pid_ <= 0) return std::nullopt;
  std::ifstream file("/proc/" + std::to_string(pid_) + "/stat");
  std::string text;
  std::getline(file, text);
  // The program's name, in brackets, may have any character in it.
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int i = 0; i < kStatFieldsBeforeCpu; ++i) fields >> skipped;
  int64_t user = 0;
  int64_t system = 0;
  if (!(fields >> user >> system)) return std::nullopt;
  return (user + system) * (Duration(std::chrono::seconds(1)) /
                            static_cast<int64_t>(sysconf(_SC_CLK_TCK)));
}

void WorkerLink::OnReadable() {
  for (int i = 0; i < kReadsPerTurnMax && socket_.valid(); ++i) {
    if (!ReadSome()) return;
  }
}

// Returns false when there is nothing more to read now.
bool WorkerLink::ReadSome() {
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
    if (!is_ending_) {
      loop_.CancelTimer(limit_timer_);
      limit_timer_ = loop_.RunAfter(kSpeechlessMax, [this] { Kill(); });
    }
    return false;
  }
  frames_.Add({bytes.data(), static_cast<size_t>(count)});
  while (!broken()) {
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

void WorkerLink::Handle(WorkerMessage message) {
  if (const auto* hello = std::get_if<WorkerHello>(&message)) {
    HandleHello(*hello);
    return;
  }
  if (const auto* facts = std::get_if<WorkerFacts>(&message)) {
    // All that they tell of is that an import has switched the lock on.
    has_interpreter_lock_ = is_python_;
    if (++facts_told_ > kFactsToldMax) return;
    Log(LogLevel::kInfo, "worker_facts", "Facts of a worker have changed.",
        {{"program", program_}, {"facts", facts->json}});
    return;
  }
  if (std::holds_alternative<WorkerReady>(message) && !ready_) {
    ready_ = true;
    loop_.CancelTimer(limit_timer_);
  }
  owner_.OnWorkerMessage(std::move(message));
}

void WorkerLink::HandleHello(const WorkerHello& hello) {
  if (hello.protocol != kWorkerProtocol) {
    Break("speaks version " + std::to_string(hello.protocol) +
          " of the worker protocol; this agent speaks version " +
          std::to_string(kWorkerProtocol));
    return;
  }
  const std::string mode(Name(hosting_.mode));
  if (std::find(hello.modes.begin(), hello.modes.end(), mode) ==
      hello.modes.end()) {
    Break("does not offer the mode '" + mode +
          "' that the job's executor needs");
    return;
  }
  pid_ = hello.pid;
  is_python_ = hello.language.starts_with("python");
  has_interpreter_lock_ = is_python_ && !hello.is_free_threaded;
  // Rare enough to be said of each.
  if (hello.is_free_threaded) {
    Log(LogLevel::kInfo, "worker_facts",
        "A worker's interpreter has no lock: its threads compute side by side.",
        {{"program", program_}, {"facts", hello.facts}});
  }
  Send(WelcomeMessage(place_.log_folder, hosting_));
  Flush();
}

void WorkerLink::OnEnded(const ProcessEnd& process_end) {
  // What it still said counts: its last results, or why it could not start.
  for (int i = 0; i < kReadsPerTurnMax * 64 && socket_.valid(); ++i) {
    if (!ReadSome()) break;
  }
  WorkerEnd end;
  end.started = ready_;
  end.killed_by_us = killed_by_us_;
  end.last_words = EndOf(errors_.get(), kLastWordsMax);
  if (const auto* failed = std::get_if<SpawnFailed>(&process_end)) {
    end.could_start = false;
    end.how = DescribeSpawnFailure(*failed, program_, folder_);
  } else if (const auto* exited = std::get_if<ProcessExited>(&process_end)) {
    const int status = exited->wait_status;
    const std::string words = DescribeWaitStatus(status);
    end.by_signal = WIFSIGNALED(status);
    end.exited = !end.by_signal;
    end.how = words.empty() ? "exited with code 0"
                            : (end.by_signal ? "was " + words : words);
    if (exited->limit != LimitBroken::kNone) {
      const bool is_memory = exited->limit == LimitBroken::kMemory;
      if (is_memory) oom_.Skip();
      end.ending = is_memory ? Ending::kOom : Ending::kError;
      end.how = DescribeLimit(*exited, limits_);
    } else if (!killed_by_us_ && end.by_signal && WTERMSIG(status) == SIGKILL &&
               oom_.TakeKill()) {
      end.ending = Ending::kOom;
      end.how = "was killed by the kernel because memory ran out";
    }
  } else {
    end.ending = Ending::kEvicted;
    const auto& lost = std::get<ProcessLost>(process_end);
    end.lease_over = lost.lease_over;
    end.how = DescribeLoss(lost);
  }
  if (broken()) end.how = broken_;
  owner_.OnWorkerEnded(end);
}

void WorkerLink::TrimOutput() {
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

bool WorkerLink::SaveOutput(const std::string& folder) const {
  bool saved = false;
  const std::array<std::pair<int, const char*>, 2> files = {
      std::pair{output_.get(), "stdout"}, std::pair{errors_.get(), "stderr"}};
  for (const auto& [fd, name] : files) {
    const std::string text =
        EndOf(fd, static_cast<size_t>(OutputCapture::kFileBytesMax));
    if (text.empty()) continue;
    WriteFile(folder, name, text);
    saved = true;
  }
  return saved;
}

void WorkerLink::SaveLog(const WorkerLog& log, const std::string& folder) {
  const char* name = log.is_stderr ? "stderr" : "stdout";
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
  std::rename((place_.log_folder + "/" + log.file).c_str(),
              (folder + "/" + name).c_str());
}

}  // namespace remuda
