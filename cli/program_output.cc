#include "cli/program_output.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "base/environment.h"
#include "base/file_descriptor.h"

namespace remuda {
namespace {

// Where the child finds its script.
constexpr int kScriptFd = 3;
constexpr char kScriptPath[] = "/proc/self/fd/3";

absl::StatusOr<UniqueFd> ScriptInMemory(const std::string& bytes) {
  UniqueFd fd(memfd_create("script", MFD_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, "a file in memory");
  size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t size =
        write(fd.get(), bytes.data() + written, bytes.size() - written);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return ErrnoStatus(errno, "a file in memory");
    written += static_cast<size_t>(size);
  }
  return fd;
}

// A child process; it does not outlive this.
class Child {
 public:
  Child() = default;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

  absl::Status Start(const ScriptRun& run, int script, int output) {
    std::vector<std::string> words = {
        run.program, script < 0 ? run.script_path : kScriptPath};
    words.insert(words.end(), run.arguments.begin(), run.arguments.end());
    std::string path = "PATH=" + EnvironmentVariable("PATH").value_or("");
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    char* environment[] = {path.data(), nullptr};

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
                                     O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null",
                                     O_WRONLY, 0);
    if (script >= 0) {
      posix_spawn_file_actions_adddup2(&actions, script, kScriptFd);
    }
    const int error = posix_spawnp(&pid_, words[0].c_str(), &actions, nullptr,
                                   argv.data(), environment);
    posix_spawn_file_actions_destroy(&actions);
    if (error == 0) return absl::OkStatus();
    pid_ = -1;
    return absl::NotFoundError("'" + run.program + "' cannot be started here");
  }

 private:
  pid_t pid_ = -1;
};

absl::StatusOr<std::string> ReadToEnd(int fd, MonotonicTime deadline,
                                      size_t bytes_max, const Clock& clock) {
  std::string text;
  char buffer[16 * 1024];
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - clock.Now());
    if (left.count() <= 0) {
      return absl::DeadlineExceededError("looking at it took too long");
    }
    pollfd one = {.fd = fd, .events = POLLIN, .revents = 0};
    const int ready = poll(&one, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno != EINTR) return ErrnoStatus(errno, "poll");
    if (ready <= 0) continue;
    const ssize_t size = read(fd, buffer, sizeof(buffer));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return ErrnoStatus(errno, "its output");
    if (size == 0) return text;
    text.append(buffer, static_cast<size_t>(size));
    if (text.size() > bytes_max) {
      return absl::ResourceExhaustedError("it printed too much");
    }
  }
}

}  // namespace

absl::StatusOr<std::string> OutputOf(const ScriptRun& run, Duration time_max,
                                     size_t bytes_max) {
  const SystemClock clock;
  const MonotonicTime deadline = clock.Now() + time_max;
  UniqueFd script;
  if (run.script_path.empty()) {
    absl::StatusOr<UniqueFd> in_memory = ScriptInMemory(run.script);
    if (!in_memory.ok()) return in_memory.status();
    script = *std::move(in_memory);
  }
  absl::StatusOr<FdPair> pipe = MakePipe();
  if (!pipe.ok()) return pipe.status();
  Child child;
  const absl::Status started =
      child.Start(run, script.get(), pipe->second.get());
  if (!started.ok()) return started;
  pipe->second.Reset();
  return ReadToEnd(pipe->first.get(), deadline, bytes_max, clock);
}

}  // namespace remuda
