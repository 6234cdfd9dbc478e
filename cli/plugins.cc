#include "cli/plugins.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/file_descriptor.h"
#include "cli/print.h"
#include "jobs/added_job_types.h"
#include "jobs/job_type.h"
#include "nlohmann/json.hpp"
#include "workers/native/plugin.h"

namespace remuda {
namespace {

using nlohmann::json;

constexpr Duration kProbeMax = std::chrono::seconds(10);
constexpr size_t kManifestBytesMax = size_t{1} << 20;

std::vector<KnownPlugin>& Plugins() {
  static auto& plugins = *new std::vector<KnownPlugin>;
  return plugins;
}

// How a probe went: what it printed, and how it ended.
struct Probe {
  std::string printed;
  int status = 0;
  bool late = false;
};

// Waits until the descriptor is readable; false if that takes too long.
bool AwaitReadable(int fd, MonotonicTime until) {
  const SystemClock clock;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - clock.Now());
    if (left.count() <= 0) return false;
    pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
    if (poll(&waiting, 1, static_cast<int>(left.count())) > 0) return true;
  }
}

// Reads until the end, or says that this took too long.
bool ReadAll(int fd, MonotonicTime until, std::string& text) {
  std::array<char, 4096> bytes;
  for (;;) {
    if (text.size() > kManifestBytesMax || !AwaitReadable(fd, until)) {
      return false;
    }
    const ssize_t count = read(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return true;
    text.append(bytes.data(), static_cast<size_t>(count));
  }
}

// Waits for the end of the child, or says that this took too long. Its output
// may end long before, as a plugin may close whatever it finds.
bool AwaitEnd(pid_t child, MonotonicTime until) {
  const UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));
  // Without that call (before Linux 5.3) it has to end by itself.
  return !process.valid() || AwaitReadable(process.get(), until);
}

absl::StatusOr<Probe> RunProbe(const std::string& path) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return absl::InternalError("no pipe for the probe of plugin " + path);
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  std::string program = "/proc/self/exe";
  std::string command = "plugin-probe";
  std::string argument = path;
  char* argv[] = {program.data(), command.data(), argument.data(), nullptr};
  pid_t child = 0;
  const int failed =
      posix_spawn(&child, program.c_str(), &actions, nullptr, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  Probe probe;
  if (failed == 0) {
    const MonotonicTime until = SystemClock().Now() + kProbeMax;
    probe.late =
        !ReadAll(ends[0], until, probe.printed) || !AwaitEnd(child, until);
    if (probe.late) kill(child, SIGKILL);
    while (waitpid(child, &probe.status, 0) < 0 && errno == EINTR) {
    }
  }
  close(ends[0]);
  if (failed != 0) {
    return absl::InternalError("cannot start the probe of plugin " + path);
  }
  return probe;
}

std::optional<ParameterFact::Kind> KindOf(const std::string& name) {
  using Kind = ParameterFact::Kind;
  if (name == "text") return Kind::kText;
  if (name == "integer") return Kind::kInteger;
  if (name == "number") return Kind::kNumber;
  if (name == "bool") return Kind::kBool;
  if (name == "list") return Kind::kList;
  if (name == "map") return Kind::kMap;
  if (name == "any") return Kind::kAny;
  return std::nullopt;
}

JobType TypeOf(const json& manifest) {
  JobType type;
  type.name = manifest.at("name").get<std::string>();
  type.meaning = manifest.at("meaning").get<std::string>();
  type.workload = WorkloadFromName(manifest.at("workload").get<std::string>())
                      .value_or(Workload::kUnknown);
  type.executors = {ExecutorKind::kProcessPool};
  type.form = CodeForm::kPlain;
  if (manifest.at("form").get<std::string>() == "coroutine") {
    type.form = CodeForm::kAsync;
    type.executors.insert(type.executors.begin(), ExecutorKind::kAsync);
  } else if (manifest.at("thread_safe").get<bool>()) {
    type.executors.push_back(ExecutorKind::kThreadPool);
  }
  type.runs_user_code = true;
  type.killable = true;
  for (const json& parameter : manifest.at("parameters")) {
    type.parameters.push_back(
        {.name = parameter.at("name").get<std::string>(),
         .kind = KindOf(parameter.at("kind").get<std::string>())
                     .value_or(ParameterFact::Kind::kAny),
         .required = parameter.at("required").get<bool>(),
         .meaning = parameter.at("meaning").get<std::string>()});
  }
  return type;
}

// All of its types become known, or none.
absl::Status Add(const std::string& path, const std::string& printed) {
  KnownPlugin plugin{.path = path, .name = "", .job_types = {}};
  std::vector<JobType> types;
  try {
    const json manifest = json::parse(printed);
    plugin.name = manifest.at("name").get<std::string>();
    for (const json& type : manifest.at("job_types")) {
      types.push_back(TypeOf(type));
    }
  } catch (const json::exception&) {
    return absl::InvalidArgumentError("its manifest cannot be read");
  }
  for (const JobType& type : types) {
    if (FindJobType(type.name) != nullptr) {
      return absl::AlreadyExistsError("there is a job type '" + type.name +
                                      "' already");
    }
  }
  for (JobType& type : types) {
    for (const ExecutorKind kind : type.executors) {
      plugin.job_types[kind].push_back(type.name);
    }
    const absl::Status added = AddJobType(std::move(type));
    if (!added.ok()) return added;
  }
  Plugins().push_back(std::move(plugin));
  return absl::OkStatus();
}

absl::Status Learn(const std::string& path) {
  if (path.ends_with(".json")) {
    return absl::InvalidArgumentError(
        "a plugin is a shared object, which holds its manifest; one in a file "
        "could say something else than the code");
  }
  const absl::StatusOr<Probe> probe = RunProbe(path);
  if (!probe.ok()) return probe.status();
  if (probe->late) {
    return absl::InvalidArgumentError(
        "its manifest was not there after 10 s, or is too long");
  }
  if (WIFSIGNALED(probe->status)) {
    return absl::InvalidArgumentError(
        std::string("it crashes when it is loaded: ") +
        strsignal(WTERMSIG(probe->status)));
  }
  if (!WIFEXITED(probe->status) || WEXITSTATUS(probe->status) != 0) {
    return absl::InvalidArgumentError("its probe failed, as said above");
  }
  return Add(path, probe->printed);
}

}  // namespace

void LearnPlugins(const std::vector<std::string>& paths) {
  for (const std::string& named : paths) {
    std::error_code error;
    const std::string path = std::filesystem::absolute(named, error).string();
    const absl::Status learnt = Learn(path);
    if (learnt.ok()) continue;
    PrintWords("remuda: plugin " + path +
               " is left out: " + std::string(learnt.message()));
  }
}

const std::vector<KnownPlugin>& KnownPlugins() { return Plugins(); }

ExitCode PluginProbeCommand(const std::string& path) {
  // What the plugin prints as it loads is not part of the manifest.
  const int printed = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  if (printed < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
    return Fail(absl::InternalError("no standard output"));
  }
  const absl::StatusOr<Plugin> plugin = LoadPlugin(path);
  dup2(printed, STDOUT_FILENO);
  close(printed);
  if (!plugin.ok()) return Fail(plugin.status());
  PrintData(ManifestJson(*plugin));
  return ExitCode::kOk;
}

}  // namespace remuda
