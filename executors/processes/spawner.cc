#include "executors/processes/spawner.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <deque>
#include <optional>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "jobs/byte_size_text.h"

namespace remuda {
namespace {

// Where the spawner finds its socket, and what it keeps.
constexpr int kSpawnerFd = 3;
constexpr int kWorkLockFd = 4;
constexpr int kLeaseFd = 5;
// Above all of these.
constexpr int kFirstSpareFd = 10;

// The spawner kills for at most five seconds before it ends; usually it takes
// some milliseconds.
constexpr int kEndMillisecondsMax = 6000;

absl::Status SpawnerDied() {
  return absl::UnavailableError(
      "the spawner process ended and took all running programs with it");
}

// Requests that travel together.
struct Batch {
  std::string bytes;  // with room for the length in front
  std::vector<UniqueFd> descriptors;
  size_t bytes_sent = 0;
};

class SpawnerClient : public Spawner {
 public:
  SpawnerClient(UniqueFd socket, pid_t pid)
      : socket_(std::move(socket)), pid_(pid) {}

  ~SpawnerClient() override {
    socket_.Reset();
    const UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
    pollfd watched{pidfd.get(), POLLIN, 0};
    if (pidfd.valid()) poll(&watched, 1, kEndMillisecondsMax);
    waitpid(pid_, nullptr, WNOHANG);
  }

  void Start(SpawnRequest request, Descriptors descriptors) override {
    request.descriptors = 0;
    Batch& batch = OpenBatch();
    for (size_t i = 0; i < descriptors.size(); ++i) {
      if (!descriptors[i].valid()) continue;
      request.descriptors |= 1u << i;
      batch.descriptors.push_back(std::move(descriptors[i]));
    }
    AppendRequest(request, &batch.bytes);
  }

  void Signal(const SignalRequest& request) override {
    CHECK(request.target != SignalTarget::kTree || request.signal == SIGKILL);
    AppendRequest(request, &OpenBatch().bytes);
  }

  void UseGroups(const GroupSetup& setup) override {
    AppendRequest(setup, &OpenBatch().bytes);
  }

  absl::StatusOr<bool> Flush() override;
  absl::StatusOr<std::vector<SpawnerReport>> Take() override;
  int fd() const override { return socket_.get(); }
  pid_t pid() const override { return pid_; }

 private:
  Batch& OpenBatch();
  ssize_t SendSome(Batch& batch);

  UniqueFd socket_;
  const pid_t pid_;
  std::deque<Batch> batches_;
  FrameCutter frames_;
};

// A batch that may still grow: not yet begun to be sent, and small.
Batch& SpawnerClient::OpenBatch() {
  if (batches_.empty() || batches_.back().bytes_sent > 0 ||
      batches_.back().bytes.size() > kSpawnFrameBytesTarget ||
      batches_.back().descriptors.size() + kChildDescriptors >
          kSpawnDescriptorsMax) {
    batches_.emplace_back().bytes.assign(4, '\0');
  }
  return batches_.back();
}

ssize_t SpawnerClient::SendSome(Batch& batch) {
  iovec part{batch.bytes.data() + batch.bytes_sent,
             batch.bytes.size() - batch.bytes_sent};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * 256)> control{};
  const size_t count = batch.descriptors.size();
  // They travel with the first byte.
  if (count > 0 && batch.bytes_sent == 0) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(sizeof(int) * count);
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int) * count);
    for (size_t i = 0; i < count; ++i) {
      const int fd = batch.descriptors[i].get();
      std::memcpy(CMSG_DATA(rights) + i * sizeof(int), &fd, sizeof(int));
    }
  }
  return sendmsg(socket_.get(), &header, MSG_NOSIGNAL | MSG_DONTWAIT);
}

absl::StatusOr<bool> SpawnerClient::Flush() {
  while (!batches_.empty()) {
    Batch& batch = batches_.front();
    if (batch.bytes_sent == 0) {
      const auto length = FrameLength(batch.bytes.size() - 4);
      std::copy(length.begin(), length.end(), batch.bytes.begin());
    }
    const ssize_t count = SendSome(batch);
    if (count < 0) {
      if (errno == EINTR) continue;
      // Too many descriptors in flight passes when the spawner takes them.
      if (errno == EAGAIN || errno == ETOOMANYREFS) return false;
      return SpawnerDied();
    }
    batch.bytes_sent += static_cast<size_t>(count);
    batch.descriptors.clear();
    if (batch.bytes_sent == batch.bytes.size()) batches_.pop_front();
  }
  return true;
}

absl::StatusOr<std::vector<SpawnerReport>> SpawnerClient::Take() {
  std::vector<SpawnerReport> reports;
  std::array<char, size_t{16} << 10> bytes;
  for (;;) {
    const ssize_t count =
        recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return reports;
    if (count <= 0) return SpawnerDied();
    frames_.Add({bytes.data(), static_cast<size_t>(count)});
    while (const auto body = frames_.Next()) {
      std::optional<std::vector<SpawnerReport>> parsed = ParseReports(*body);
      if (!parsed.has_value()) return SpawnerDied();
      std::move(parsed->begin(), parsed->end(), std::back_inserter(reports));
    }
    if (frames_.broken()) return SpawnerDied();
    if (static_cast<size_t>(count) < bytes.size()) return reports;
  }
}

std::string ReasonNotRun(int error_number, bool searched) {
  switch (error_number) {
    case ENOENT:
      return searched ? "not found on PATH"
                      : "no such file (or its interpreter is missing)";
    case EACCES:
      return "permission denied (is it executable, and not on a noexec disk?)";
    case ENOEXEC:
      return "neither a program nor a script that begins with '#!'";
    case E2BIG:
      return "arguments and environment are too large for the system";
    default:
      return std::strerror(error_number);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Spawner>> Spawner::Launch(
    const std::string& program, const SpawnerTies& ties) {
  absl::StatusOr<FdPair> pair = MakeSocketPair();
  if (!pair.ok()) return pair.status();
  struct Given {
    int fd;
    int place;
    UniqueFd spare;
  };
  std::vector<Given> given;
  given.push_back({pair->second.get(), kSpawnerFd, UniqueFd()});
  given.push_back({ties.work_lock, kWorkLockFd, UniqueFd()});
  given.push_back({ties.lease, kLeaseFd, UniqueFd()});
  std::vector<std::string> words = {program, "spawner"};
  for (Given& one : given) {
    words.push_back(std::to_string(one.fd < 0 ? -1 : one.place));
    if (one.fd < 0) continue;
    // Out of the way of the places, which it may have the number of.
    one.spare.Reset(fcntl(one.fd, F_DUPFD_CLOEXEC, kFirstSpareFd));
    if (!one.spare.valid()) {
      return ErrnoStatus(errno, "cannot start the spawner " + program);
    }
  }
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  for (const Given& one : given) {
    if (!one.spare.valid()) continue;
    posix_spawn_file_actions_adddup2(&actions, one.spare.get(), one.place);
  }
  pid_t pid = 0;
  const int error = posix_spawn(&pid, program.c_str(), &actions, nullptr,
                                argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    return ErrnoStatus(error, "cannot start the spawner " + program);
  }
  return std::make_unique<SpawnerClient>(std::move(pair->first), pid);
}

std::string DescribeSpawnFailure(const SpawnFailed& failure,
                                 const std::string& program,
                                 const std::string& directory) {
  switch (failure.stage) {
    case SpawnStage::kProcess:
      return "cannot start a process for '" + program +
             "': " + std::strerror(failure.error_number);
    case SpawnStage::kDirectory:
      return "cannot enter the working folder '" + directory +
             "': " + std::strerror(failure.error_number);
    case SpawnStage::kGroup:
      return "cannot put '" + program +
             "' into its control group: " + std::strerror(failure.error_number);
    case SpawnStage::kLease:
      return "the lease was over before '" + program + "' could start";
    case SpawnStage::kStopped:
      return "'" + program + "' was stopped before it could start";
    case SpawnStage::kProgram:
      break;
  }
  const bool searched = program.find('/') == std::string::npos;
  return "cannot run '" + program +
         "': " + ReasonNotRun(failure.error_number, searched);
}

std::string DescribeLimit(const ProcessExited& exited,
                          const ProcessLimits& limits) {
  switch (exited.limit) {
    case LimitBroken::kNone:
      return "";
    case LimitBroken::kMemory:
      return "used more memory than its limit of " +
             ByteSizeText(limits.memory_bytes) +
             (exited.memory_max_bytes
                  ? " (it had " + ByteSizeText(*exited.memory_max_bytes) + ")"
                  : "") +
             " and was killed; raise resources.memory, or use less";
    case LimitBroken::kProcesses:
      return "had more than " + std::to_string(limits.processes) +
             " processes and threads at once, the limit for a task, and was "
             "killed";
  }
  CHECK(false);
  return "";
}

std::string DescribeWaitStatus(int wait_status) {
  if (WIFEXITED(wait_status)) {
    const int code = WEXITSTATUS(wait_status);
    return code == 0 ? "" : "exited with code " + std::to_string(code);
  }
  const int number = WTERMSIG(wait_status);
  const char* name = sigabbrev_np(number);
  const char* meaning = sigdescr_np(number);
  if (name == nullptr || meaning == nullptr) {
    return "killed by signal " + std::to_string(number);
  }
  std::string words = meaning;
  words[0] = static_cast<char>(std::tolower(words[0]));
  return std::string("killed by SIG") + name + " (" + words + ")";
}

}  // namespace remuda
