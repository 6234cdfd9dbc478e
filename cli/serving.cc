#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "agent/agent_server.h"
#include "base/clock.h"
#include "base/event_loop.h"
#include "base/log.h"
#include "base/signals.h"
#include "cli/command.h"
#include "cli/executor_set.h"
#include "cli/print.h"
#include "cli/settings.h"
#include "cli/usable_resources.h"
#include "cli/version.h"
#include "coordinator/api/api_server.h"
#include "coordinator/server/coordinator_server.h"
#include "nlohmann/json.hpp"
#include "wire/wire_context.h"

namespace remuda {
namespace {

// Where a process listens, in the one line that scripts read.
void PrintAddresses(const std::string& endpoint, const std::string& http,
                    const std::string& api = "") {
  nlohmann::ordered_json line = nlohmann::ordered_json::object();
  if (!endpoint.empty()) line["listening"] = endpoint;
  if (!http.empty()) line["http"] = http;
  if (!api.empty()) line["api"] = api;
  PrintData(line.dump());
}

// Waits for a signal or for the server's own end, whichever comes first.
// `on_signal` is called at each signal and makes `join` return in time.
absl::Status Serve(SignalSet& signals,
                   const std::function<void(int signal)>& on_signal,
                   const std::function<absl::Status()>& join) {
  const SystemClock clock;
  EventLoop loop(clock);
  signals.Watch(loop, on_signal);
  absl::Status ended;
  std::thread joiner([&] {
    ended = join();
    loop.Stop();
  });
  loop.Run();
  joiner.join();
  signals.Unwatch();
  return ended;
}

// glibc, left alone, asks the kernel for each large batch anew, and gives back
// and takes again the end of its heaps with every burst of small ones; those
// pages then cost more than what is done in them. With these it keeps 4 MiB a
// heap that is in use. What is free beyond goes back at once, so that memory
// does not grow with the largest batch that there ever was
// (docs/decisions/0059-malloc-keeps-some-memory.md).
void TuneMalloc() {
  mallopt(M_MMAP_THRESHOLD, 8 << 20);
  mallopt(M_TOP_PAD, 4 << 20);
  mallopt(M_TRIM_THRESHOLD, 128 << 10);
}

// The first process of a container inherits what others in it leave behind
// (`kubectl exec`, say). Nothing here asks how a child ended, so the kernel may
// forget them at once; programs that are started do not inherit that.
void ReapIfFirstProcess() {
  if (getpid() != 1) return;
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  action.sa_flags = SA_NOCLDWAIT;
  sigaction(SIGCHLD, &action, nullptr);
}

ExitCode EndOf(const char* who, const absl::Status& ended) {
  if (ended.ok()) return ExitCode::kOk;
  Log(LogLevel::kError, "server_failed", "The server ended with an error.",
      {{"server", who}, {"err.text", std::string(ended.message())}});
  return Fail(ended) == ExitCode::kUsage ? ExitCode::kUsage
                                         : ExitCode::kJobFailed;
}

// An agent's folder when none was named: what is in it is of no use to another
// agent, so it goes with this one.
class AgentFolder {
 public:
  explicit AgentFolder(std::string named) : path_(std::move(named)) {
    if (!path_.empty()) return;
    std::error_code error;
    path_ = std::filesystem::temp_directory_path(error).string() +
            "/remuda-agent-XXXXXX";
    is_ours_ = mkdtemp(path_.data()) != nullptr;
  }
  AgentFolder(const AgentFolder&) = delete;
  AgentFolder& operator=(const AgentFolder&) = delete;
  ~AgentFolder() {
    std::error_code error;
    if (is_ours_) std::filesystem::remove_all(path_, error);
  }

  const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool is_ours_ = false;
};

std::optional<std::string> Given(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return text;
}

// Keys are of no use beside a door that asks nobody who he is.
absl::Status CheckDoors(const CoordinatorCommandOptions& options) {
  if (options.keys.empty() || options.api.address.empty() ||
      !options.api.tokens.empty()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "a coordinator with --keys serves --api by tokens only: make one with "
      "`remuda token DIR --name NAME --role operator` and add --api-tokens "
      "DIR");
}

// Null where none is wanted. It ends before the server.
absl::StatusOr<std::unique_ptr<ApiServer>> StartApi(
    const ApiCommandOptions& options, CoordinatorServer& server) {
  if (options.address.empty()) {
    if (options.tokens.empty() && options.certificate.empty() &&
        options.certificate_key.empty() && options.origins.empty()) {
      return std::unique_ptr<ApiServer>();
    }
    return absl::InvalidArgumentError(
        "--api-tokens, --api-cert, --api-cert-key and --api-origin belong to "
        "--api, which says where to serve");
  }
  return ApiServer::Start({.address = options.address,
                           .tokens = options.tokens,
                           .certificate = options.certificate,
                           .certificate_key = options.certificate_key,
                           .origins = options.origins},
                          server.door(), server.metrics());
}

}  // namespace

ExitCode CoordinatorCommand(const CoordinatorCommandOptions& options) {
  TuneMalloc();
  ReapIfFirstProcess();
  SignalSet signals({SIGTERM, SIGINT, SIGHUP});
  ConfigureLog({.component = "coordinator"});
  absl::StatusOr<Duration> lease = ParseSetting("--lease", options.lease);
  if (!lease.ok()) return Fail(lease.status());
  const absl::Status doors = CheckDoors(options);
  if (!doors.ok()) return Fail(doors);
  CoordinatorOptions coordinator;
  coordinator.version = kRemudaVersion;
  coordinator.listen = options.listen;
  coordinator.http = options.http;
  coordinator.data = options.data;
  coordinator.keys = options.keys;
  // Silence is noticed well before it is punished, however short the lease.
  coordinator.lease = *lease;
  coordinator.heartbeat_interval =
      std::min(coordinator.heartbeat_interval, *lease / 6);
  coordinator.suspect_after = std::min(coordinator.suspect_after, *lease / 2);
  coordinator.durability =
      options.durability == "full" ? Durability::kFull : Durability::kRelaxed;
  WireContext context;
  absl::StatusOr<std::unique_ptr<CoordinatorServer>> server =
      CoordinatorServer::Start(coordinator, context);
  if (!server.ok()) return Fail(server.status());
  absl::StatusOr<std::unique_ptr<ApiServer>> api =
      StartApi(options.api, **server);
  if (!api.ok()) return Fail(api.status());
  PrintAddresses((*server)->endpoint(), (*server)->http_address(),
                 *api == nullptr ? "" : (*api)->url());
  const auto on_signal = [&](int signal) {
    // Without anything to read again a hang-up is what it was: the end.
    if (signal == SIGHUP && (*api != nullptr || !options.keys.empty())) {
      if (!options.keys.empty()) (*server)->Reload();
      if (*api != nullptr) (*api)->Reload();
    } else {
      (*server)->Stop();
    }
  };
  return EndOf("coordinator",
               Serve(signals, on_signal, [&] { return (*server)->Join(); }));
}

ExitCode AgentCommand(const AgentCommandOptions& options) {
  TuneMalloc();
  ReapIfFirstProcess();
  SignalSet signals({SIGTERM, SIGINT});
  ConfigureLog({.component = "agent"});
  absl::StatusOr<Duration> drain = ParseSetting("--drain", options.drain);
  if (!drain.ok()) return Fail(drain.status());
  absl::StatusOr<std::map<std::string, std::string>> labels =
      ParseLabels(options.labels);
  if (!labels.ok()) return Fail(labels.status());
  absl::StatusOr<std::map<ExecutorKind, uint64_t>> slots = ParseSlots(
      options.slots, UsableCores(std::thread::hardware_concurrency()));
  if (!slots.ok()) return Fail(slots.status());
  absl::StatusOr<std::optional<PeerKey>> key = ReadKey(options.key);
  if (!key.ok()) return Fail(key.status());
  AgentOptions agent;
  agent.version = kRemudaVersion;
  agent.coordinator = options.coordinator;
  agent.key = *std::move(key);
  agent.name = options.name;
  agent.labels = *std::move(labels);
  agent.memory_bytes = UsableMemoryBytes();
  const AgentFolder folder(options.data);
  agent.data_folder = folder.path();
  agent.has_successors = !options.data.empty();
  agent.http = Given(options.http);
  agent.drain = *drain;
  agent.executors = ShippedExecutors(*slots, options.workers);
  WireContext context;
  absl::StatusOr<std::unique_ptr<AgentServer>> server =
      AgentServer::Start(std::move(agent), context);
  if (!server.ok()) return Fail(server.status());
  PrintAddresses("", (*server)->http_address());
  // A second signal means that the one who sends it will not wait.
  int signals_seen = 0;
  const auto on_signal = [&](int) {
    if (++signals_seen == 1) {
      (*server)->Drain();
    } else {
      (*server)->Stop();
    }
  };
  return EndOf("agent",
               Serve(signals, on_signal, [&] { return (*server)->Join(); }));
}

}  // namespace remuda
