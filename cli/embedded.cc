#include "cli/embedded.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>

#include "agent/agent_server.h"
#include "base/file_descriptor.h"
#include "base/log.h"
#include "cli/executor_set.h"
#include "cli/settings.h"
#include "cli/usable_resources.h"
#include "cli/version.h"
#include "coordinator/server/coordinator_server.h"

namespace remuda {
namespace {

// How long a command that only asks may keep others waiting.
constexpr Duration kPatience = std::chrono::seconds(30);
// sun_path has 108 bytes with its end; ZeroMQ appends nothing.
constexpr size_t kSocketPathMax = 100;

absl::Status Unusable(const std::string& folder, const std::string& why) {
  return absl::FailedPreconditionError("the state folder " + folder +
                                       " cannot be used: " + why +
                                       "; name another with --state");
}

absl::Status MakePrivate(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return Unusable(folder, error.message());
  struct stat found = {};
  if (lstat(folder.c_str(), &found) != 0 || !S_ISDIR(found.st_mode)) {
    return Unusable(folder, "it is not a folder");
  }
  if (found.st_uid != geteuid()) {
    return Unusable(folder, "it belongs to another user");
  }
  if (chmod(folder.c_str(), 0700) != 0) {
    return Unusable(folder, std::strerror(errno));
  }
  return absl::OkStatus();
}

// A process that connects to another one's coordinator.
class Guest : public Embedded {
 public:
  explicit Guest(std::string endpoint) : endpoint_(std::move(endpoint)) {}
  std::string endpoint() const override { return endpoint_; }
  bool hosts() const override { return false; }

 private:
  const std::string endpoint_;
};

class Host : public Embedded {
 public:
  Host(UniqueFd lock, std::unique_ptr<CoordinatorServer> coordinator,
       std::unique_ptr<AgentServer> agent)
      : lock_(std::move(lock)),
        coordinator_(std::move(coordinator)),
        agent_(std::move(agent)) {}

  ~Host() override {
    // The agent first: it hands back what it holds, so that a later run goes
    // on at once and waits for no lease.
    if (agent_ != nullptr) {
      agent_->Stop();
      const absl::Status ended = agent_->Join();
      if (!ended.ok()) Complain("agent", ended);
    }
    coordinator_->Stop();
    const absl::Status ended = coordinator_->Join();
    if (!ended.ok()) Complain("coordinator", ended);
  }

  std::string endpoint() const override { return coordinator_->endpoint(); }
  bool hosts() const override { return true; }

 private:
  static void Complain(const char* who, const absl::Status& status) {
    Log(LogLevel::kError, "embedded_ended", "An embedded server failed.",
        {{"server", who}, {"err.text", std::string(status.message())}});
  }

  const UniqueFd lock_;  // freed last
  const std::unique_ptr<CoordinatorServer> coordinator_;
  const std::unique_ptr<AgentServer> agent_;
};

// The lock file holds one letter: what the host offers.
constexpr char kWithAgent = 'a';
constexpr char kWithoutAgent = 'c';

absl::StatusOr<std::unique_ptr<Embedded>> BecomeHost(
    const std::string& folder, const std::string& endpoint, UniqueFd lock,
    Embedded::Needs needs, WireContext& context) {
  const char letter =
      needs == Embedded::Needs::kAgent ? kWithAgent : kWithoutAgent;
  if (ftruncate(lock.get(), 0) != 0) {
    return Unusable(folder, std::strerror(errno));
  }
  CoordinatorOptions coordinator;
  coordinator.version = kRemudaVersion;
  coordinator.listen = endpoint;
  // This process holds the folder's lock, so an earlier host and the agent in
  // it are gone.
  coordinator.agents_die_with_us = true;
  coordinator.data = folder + "/coordinator";
  absl::StatusOr<std::unique_ptr<CoordinatorServer>> serving =
      CoordinatorServer::Start(coordinator, context);
  if (!serving.ok()) return serving.status();
  std::unique_ptr<AgentServer> agent_server;
  if (needs == Embedded::Needs::kAgent) {
    AgentOptions agent;
    agent.version = kRemudaVersion;
    agent.coordinator = endpoint;
    agent.name = "embedded";
    agent.memory_bytes = UsableMemoryBytes();
    agent.data_folder = folder + "/agent";
    // The next host's coordinator takes what this one held as lost at once.
    agent.has_successors = false;
    agent.executors = ShippedExecutors(
        *ParseSlots("", UsableCores(std::thread::hardware_concurrency())),
        /*workers=*/0);
    absl::StatusOr<std::unique_ptr<AgentServer>> started =
        AgentServer::Start(std::move(agent), context);
    if (!started.ok()) return started.status();
    agent_server = *std::move(started);
  }
  // Only now may others rely on it.
  if (pwrite(lock.get(), &letter, 1, 0) != 1) {
    return Unusable(folder, std::strerror(errno));
  }
  return std::make_unique<Host>(std::move(lock), *std::move(serving),
                                std::move(agent_server));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Embedded>> Embedded::Open(
    const std::string& folder, Needs needs, WireContext& context,
    const Clock& clock) {
  const absl::Status made = MakePrivate(folder);
  if (!made.ok()) return made;
  const std::string path = std::filesystem::absolute(folder).string();
  const std::string socket = path + "/socket";
  if (socket.size() > kSocketPathMax) {
    return Unusable(path, "its name is too long for a socket in it");
  }
  const std::string endpoint = "ipc://" + socket;
  const MonotonicTime deadline = clock.Now() + kPatience;
  while (true) {
    UniqueFd lock(
        open((path + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (lock.get() < 0) return Unusable(path, std::strerror(errno));
    if (flock(lock.get(), LOCK_EX | LOCK_NB) == 0) {
      return BecomeHost(path, endpoint, std::move(lock), needs, context);
    }
    char letter = 0;
    const bool is_ready = pread(lock.get(), &letter, 1, 0) == 1;
    if (is_ready && (letter == kWithAgent || needs == Needs::kCoordinator)) {
      return std::make_unique<Guest>(endpoint);
    }
    if (clock.Now() > deadline) {
      return Unusable(path, "another process has kept it for too long");
    }
    // Nothing tells when another process frees a lock; look again soon.
    poll(nullptr, 0, 20);
  }
}

}  // namespace remuda
