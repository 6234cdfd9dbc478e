#include "workers/conformance/worker_under_test.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "executors/processes/process_tree.h"

namespace remuda {
namespace {

constexpr size_t kReadBytes = size_t{64} << 10;
constexpr size_t kLastWordsMax = 2000;

// How often the end of a process is looked for: pidfd_open() would do without
// looking, but not on all kernels.
constexpr std::chrono::milliseconds kLookEvery(10);

// Above the numbers that the worker's descriptors get.
constexpr int kSpareFdMin = 16;

int Milliseconds(Duration patience) {
  return static_cast<int>(
      std::chrono::ceil<std::chrono::milliseconds>(patience).count());
}

std::string LinkOf(const std::string& path) {
  std::error_code error;
  return std::filesystem::read_symlink(path, error).string();
}

std::string ReadAll(int fd) {
  std::string text;
  std::array<char, kReadBytes> bytes;
  for (;;) {
    const ssize_t count =
        pread(fd, bytes.data(), bytes.size(), static_cast<off_t>(text.size()));
    if (count <= 0) return text;
    text.append(bytes.data(), static_cast<size_t>(count));
  }
}

// Words that name files here would not in the worker's own folder.
std::vector<std::string> WithWholePaths(const std::vector<std::string>& argv) {
  std::vector<std::string> words;
  for (const std::string& word : argv) {
    std::error_code error;
    const bool is_path = words.empty() ? word.find('/') != std::string::npos
                                       : std::filesystem::exists(word, error);
    words.push_back(is_path ? std::filesystem::absolute(word).string() : word);
  }
  return words;
}

struct ChildDescriptors {
  int input;
  int output;
  int errors;
  int channel;
  int cell;
};

[[noreturn]] void RunChild(const std::vector<char*>& argv,
                           const std::vector<char*>& environment,
                           const char* folder, ChildDescriptors given) {
  setsid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  signal(SIGPIPE, SIG_DFL);
  // Out of the way first: one of them may have another's number.
  for (int* fd : {&given.input, &given.output, &given.errors, &given.channel,
                  &given.cell}) {
    *fd = fcntl(*fd, F_DUPFD_CLOEXEC, kSpareFdMin);
  }
  dup2(given.input, 0);
  dup2(given.output, 1);
  dup2(given.errors, 2);
  dup2(given.channel, kWorkerChannelFd);
  dup2(given.cell, kWorkerCellFd);
  if (chdir(folder) == 0) {
    execvpe(argv[0], argv.data(), environment.data());
  }
  dprintf(2, "%s: %s\n", argv[0], std::strerror(errno));
  _exit(127);
}

}  // namespace

absl::StatusOr<WorkerUnderTest> WorkerUnderTest::Start(
    const std::vector<std::string>& argv, const Clock& clock) {
  absl::StatusOr<WorkerCell> cell = WorkerCell::Make();
  if (!cell.ok()) return cell.status();
  WorkerUnderTest worker(*std::move(cell), clock);
  const absl::Status launched = worker.Launch(argv);
  if (!launched.ok()) return launched;
  return worker;
}

WorkerUnderTest::WorkerUnderTest(WorkerUnderTest&& other) noexcept
    : cell_(std::move(other.cell_)),
      clock_(other.clock_),
      folder_(std::exchange(other.folder_, "")),
      channel_(std::move(other.channel_)),
      output_(std::move(other.output_)),
      errors_(std::move(other.errors_)),
      channel_link_(std::move(other.channel_link_)),
      cell_link_(std::move(other.cell_link_)),
      frames_(std::move(other.frames_)),
      channel_ended_(other.channel_ended_),
      pid_(std::exchange(other.pid_, -1)),
      status_(other.status_) {}

absl::Status WorkerUnderTest::Launch(const std::vector<std::string>& argv) {
  std::string folder =
      (std::filesystem::temp_directory_path() / "worker-check-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) {
    return ErrnoStatus(errno, "make a folder for the worker");
  }
  folder_ = folder;
  const std::string home = folder_ + "/home";
  mkdir(home.c_str(), 0700);
  mkdir(log_folder().c_str(), 0700);
  auto pair = MakeSocketPair();
  if (!pair.ok()) return pair.status();
  constexpr int kFlags = O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC;
  output_.Reset(open((folder_ + "/stdout").c_str(), kFlags, 0600));
  errors_.Reset(open((folder_ + "/stderr").c_str(), kFlags, 0600));
  const UniqueFd nothing(open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!output_.valid() || !errors_.valid() || !nothing.valid()) {
    return ErrnoStatus(errno, "open the worker's files");
  }
  channel_ = std::move(pair->first);
  const std::string own = "/proc/self/fd/";
  channel_link_ = LinkOf(own + std::to_string(pair->second.get()));
  cell_link_ = LinkOf(own + std::to_string(cell_.fd().get()));
  std::vector<std::string> words = WithWholePaths(argv);
  std::vector<std::string> settings = {
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "REMUDA_MARK=" + folder_,
      std::string(kWorkerChannelVariable) + "=" +
          std::to_string(kWorkerChannelFd),
      std::string(kWorkerCellVariable) + "=" + std::to_string(kWorkerCellFd)};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::vector<char*> environment;
  for (std::string& setting : settings) environment.push_back(setting.data());
  environment.push_back(nullptr);
  pid_ = fork();
  if (pid_ == 0) {
    RunChild(arguments, environment, home.c_str(),
             {.input = nothing.get(),
              .output = output_.get(),
              .errors = errors_.get(),
              .channel = pair->second.get(),
              .cell = cell_.fd().get()});
  }
  if (pid_ < 0) return ErrnoStatus(errno, "start the worker");
  return SetNonBlocking(channel_.get());
}

WorkerUnderTest::~WorkerUnderTest() {
  if (pid_ > 0) KillAll();
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

void WorkerUnderTest::KillAll() {
  const std::vector<ProcessFacts> table = ReadProcesses();
  std::vector<pid_t> roots;
  for (const ProcessFacts& process : table) {
    if (process.session == pid_ || ReadMark(process.pid) == folder_) {
      roots.push_back(process.pid);
    }
  }
  KillTrees(roots, table);
  if (status_.has_value()) return;
  kill(pid_, SIGKILL);  // it may not have begun its session yet
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

bool WorkerUnderTest::Send(std::string_view bytes, Duration patience) {
  const MonotonicTime deadline = clock_->Now() + patience;
  while (!bytes.empty()) {
    const ssize_t count =
        send(channel_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count > 0) {
      bytes.remove_prefix(static_cast<size_t>(count));
      continue;
    }
    if (count < 0 && errno == EINTR) continue;
    const Duration left = deadline - clock_->Now();
    if ((count < 0 && errno != EAGAIN) || left <= Duration::zero()) {
      return false;
    }
    pollfd waited = {
        .fd = channel_.get(), .events = POLLIN | POLLOUT, .revents = 0};
    poll(&waited, 1, Milliseconds(left));
    // It may read nothing until it could write.
    if ((waited.revents & POLLIN) != 0 && !ReadSome()) return false;
  }
  return true;
}

// Returns false if there is nothing to read now, or never again.
bool WorkerUnderTest::ReadSome() {
  std::array<char, kReadBytes> bytes;
  for (;;) {
    const ssize_t count = recv(channel_.get(), bytes.data(), bytes.size(), 0);
    if (count > 0) {
      frames_.Add({bytes.data(), static_cast<size_t>(count)});
      return true;
    }
    if (count < 0 && errno == EINTR) continue;
    if (count == 0 || errno != EAGAIN) channel_ended_ = true;
    return false;
  }
}

std::optional<std::string> WorkerUnderTest::Receive(Duration patience) {
  const MonotonicTime deadline = clock_->Now() + patience;
  for (;;) {
    if (const auto body = frames_.Next()) return std::string(*body);
    if (frames_.broken()) channel_ended_ = true;
    if (channel_ended_ || !channel_.valid()) return std::nullopt;
    if (ReadSome()) continue;
    if (channel_ended_) return std::nullopt;
    const Duration left = deadline - clock_->Now();
    if (left <= Duration::zero()) return std::nullopt;
    pollfd waited = {.fd = channel_.get(), .events = POLLIN, .revents = 0};
    poll(&waited, 1, Milliseconds(left));
  }
}

std::optional<int> WorkerUnderTest::AwaitExit(Duration patience) {
  const MonotonicTime deadline = clock_->Now() + patience;
  while (!status_.has_value()) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      status_ = status;
    } else if (clock_->Now() >= deadline) {
      return std::nullopt;
    } else {
      poll(nullptr, 0, static_cast<int>(kLookEvery.count()));
    }
  }
  return status_;
}

std::vector<pid_t> WorkerUnderTest::Processes() const {
  std::vector<pid_t> living;
  for (const ProcessFacts& process : ReadProcesses()) {
    if (process.session == pid_ && process.state != 'Z') {
      living.push_back(process.pid);
    }
  }
  return living;
}

std::vector<std::string> WorkerUnderTest::InheritedDescriptors(
    pid_t pid) const {
  std::vector<std::string> inherited;
  const std::string process = "/proc/" + std::to_string(pid);
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(process + "/fd", error)) {
    const std::string link = LinkOf(entry.path().string());
    if (link != channel_link_ && link != cell_link_) continue;
    const std::string number = entry.path().filename().string();
    std::ifstream facts(process + "/fdinfo/" + number);
    std::string word;
    unsigned flags = 0;
    while (facts >> word && word != "flags:") {
    }
    facts >> std::oct >> flags;
    if ((flags & O_CLOEXEC) != 0) continue;
    inherited.push_back(
        number + (link == cell_link_ ? " (the cell)" : " (the channel)"));
  }
  return inherited;
}

std::string WorkerUnderTest::ReadStdout() const {
  return ReadAll(output_.get());
}

std::string WorkerUnderTest::ReadStderr() const {
  return ReadAll(errors_.get());
}

std::string WorkerUnderTest::Describe() {
  std::string text = "the worker is still running";
  // It may be in the middle of ending.
  if (const auto status = AwaitExit(std::chrono::milliseconds(200))) {
    text = WIFSIGNALED(*status) ? "the worker was ended by signal " +
                                      std::to_string(WTERMSIG(*status))
                                : "the worker exited with " +
                                      std::to_string(WEXITSTATUS(*status));
  } else if (channel_ended_) {
    text = "the worker has closed the channel";
  }
  std::string words = ReadStderr();
  if (words.empty()) return text;
  if (words.size() > kLastWordsMax) {
    words.erase(0, words.size() - kLastWordsMax);
  }
  return text + "; its standard error: " + words;
}

}  // namespace remuda
