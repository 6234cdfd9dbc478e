#include "agent/agent_server.h"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "agent/agent_metrics.h"
#include "agent/agent_session.h"
#include "agent/data_folder.h"
#include "agent/spool.h"
#include "base/event_loop.h"
#include "base/file_descriptor.h"
#include "base/log.h"
#include "base/random.h"
#include "executors/processes/lease_page.h"
#include "executors/processes/process_tree.h"
#include "wire/status_server.h"

namespace remuda {
namespace {

constexpr char kWorkFolder[] = "/work";
constexpr Duration kMetricsInterval = std::chrono::milliseconds(250);
// A loop that did not turn for so long is not alive.
constexpr Duration kLoopStalledAfter = std::chrono::seconds(10);

// Whatever an earlier agent's attempts left there belongs to nobody.
absl::Status MakeEmptyFolder(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) return ErrnoStatus(error.value(), "cannot empty " + path);
  if (mkdir(path.c_str(), 0700) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, "cannot make the folder " + path);
}

std::string DefaultName() {
  char host[256] = {};
  if (gethostname(host, sizeof(host) - 1) != 0) return "agent";
  return std::string(host) + "-" + std::to_string(getpid());
}

}  // namespace

class AgentServer::Impl {
 public:
  explicit Impl(AgentOptions options)
      : options_(std::move(options)),
        // A lease runs out in a suspended machine too.
        clock_(SystemClock::Suspend::kCounted),
        loop_(clock_),
        random_(SystemSeed()),
        ready_(std::make_shared<AgentSession::Ready>()),
        metrics_(options_.version) {}

  ~Impl() {
    Stop();
    Join().IgnoreError();
  }

  absl::Status Start(WireContext& context) {
    if (options_.executors.empty()) {
      return absl::InvalidArgumentError("an agent needs an executor");
    }
    absl::StatusOr<std::unique_ptr<Spool>> spool = TakeDataFolder();
    if (!spool.ok()) return spool.status();
    const absl::Status made =
        MakeEmptyFolder(options_.data_folder + kWorkFolder);
    if (!made.ok()) return made;
    absl::StatusOr<LeasePage> lease = LeasePage::Make();
    if (!lease.ok()) return lease.status();
    lease_ = *std::move(lease);
    absl::StatusOr<std::vector<ExecutorEntry>> executors = MakeExecutors();
    if (!executors.ok()) return executors.status();

    absl::StatusOr<std::unique_ptr<AgentSession>> session = AgentSession::Start(
        {.core = CoreOptions(),
         .socket = {.endpoint = options_.coordinator,
                    .reconnect = ReconnectDelays::For(options_.coordinator),
                    .key = options_.key}},
        *std::move(executors), ready_, *std::move(spool), context, loop_,
        random_,
        {.on_output = [this](const AgentOutput& output) { OnOutput(output); },
         .on_ended =
             [this](const absl::Status& status) {
               OnEnded(status);
               loop_.Stop();
             }});
    if (!session.ok()) return session.status();
    session_ = *std::move(session);
    loop_.SetTurnObserver([this](Duration duration) {
      metrics_.OnTurn(duration);
      session_->OnTurn(duration);
    });
    UpdateMetrics();
    const absl::Status open = OpenStatusDoor();
    if (!open.ok()) return open;
    thread_ = std::thread([this] {
      loop_.Run();
      session_.reset();  // stops what runs, on the thread that started it
    });
    return absl::OkStatus();
  }

  const std::string& http_address() const { return http_address_; }

  void Drain() {
    loop_.Post([this] {
      if (session_ != nullptr) session_->Drain(options_.drain);
    });
  }

  void Stop() {
    loop_.Post([this] {
      if (session_ != nullptr) session_->Leave();
    });
  }

  absl::Status Join() {
    if (thread_.joinable()) thread_.join();
    return ended_;
  }

 private:
  AgentCoreOptions CoreOptions() {
    return {.version = options_.version,
            .name = options_.name.empty() ? DefaultName() : options_.name,
            .instance = folder_->instance(),
            .process = RandomHex(8),
            .start = folder_->start(),
            .executors = {},
            .job_types = {},
            .labels = options_.labels,
            .memory_bytes = options_.memory_bytes,
            .backoff_spread = random_.Unit()};
  }

  absl::StatusOr<std::unique_ptr<Spool>> TakeDataFolder() {
    absl::StatusOr<std::unique_ptr<DataFolder>> folder =
        DataFolder::Open({.path = options_.data_folder,
                          .has_successors = options_.has_successors});
    if (!folder.ok()) return folder.status();
    folder_ = *std::move(folder);
    if (!folder_->why_new().empty()) {
      Log(LogLevel::kWarning, "agent_is_new",
          "This agent goes on from no earlier one.",
          {{"reason", folder_->why_new()}});
    }
    return Spool::Open({.folder = options_.data_folder,
                        .outlives_process = options_.has_successors,
                        .takes_over = folder_->start() > 1,
                        .sync = nullptr,
                        .on_sync = [this] { loop_.Post([] {}); }});
  }

  void OnOutput(const AgentOutput& output) {
    metrics_.OnOutput(output);
    if (output.lease_end.has_value()) lease_->SetEnd(*output.lease_end);
  }

  void OnEnded(const absl::Status& status) {
    ended_ = status;
    if (!absl::IsAborted(status)) return;
    // Whatever supervises it starts it again, as an agent of its own.
    const absl::Status forgotten = folder_->Forget();
    Log(LogLevel::kError, "superseded",
        "Another process goes on as this agent. The next start in this data "
        "folder will be another agent's.",
        {{"reason", std::string(status.message())},
         {"forgotten", forgotten.ok()}});
  }

  void UpdateMetrics() {
    const MonotonicTime now = loop_.Now();
    const AgentGauges gauges = session_->core().gauges(now);
    metrics_.Update({.core = session_->core().counters(),
                     .gauges = gauges,
                     .socket = session_->socket_counters(),
                     .frames = session_->frames(),
                     .loop = loop_.counters(),
                     .workers = session_->workers(),
                     .spool_entries = session_->spool().entries(),
                     .spool_kept = session_->spool().kept(),
                     .spool_bytes = session_->spool().bytes()});
    turned_at_ = now.time_since_epoch().count();
    takes_work_ = gauges.registered && !gauges.draining;
    loop_.RunAfter(kMetricsInterval, [this] { UpdateMetrics(); });
  }

  absl::Status OpenStatusDoor() {
    if (!options_.http.has_value()) return absl::OkStatus();
    auto status_server = StatusServer::Start(
        *options_.http,
        {.metrics = [this] { return metrics_.Serialize(); },
         .live =
             [this] {
               const MonotonicTime turned{Duration(turned_at_.load())};
               return clock_.Now() - turned < kLoopStalledAfter
                          ? absl::OkStatus()
                          : absl::UnavailableError("the loop stands still");
             },
         .ready =
             [this] {
               return takes_work_ ? absl::OkStatus()
                                  : absl::UnavailableError(
                                        "not registered, or draining");
             }});
    if (!status_server.ok()) return status_server.status();
    status_server_ = *std::move(status_server);
    http_address_ = status_server_->address();
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<ExecutorEntry>> MakeExecutors() {
    const std::string mark = folder_->instance() + "-";
    if (const uint64_t killed = KillMarked(mark); killed > 0) {
      Log(LogLevel::kWarning, "orphans_killed",
          "Processes had outlived an earlier agent and its spawners.",
          {{"processes", killed}});
    }
    std::vector<ExecutorEntry> entries;
    for (const ExecutorFactory& factory : options_.executors) {
      // The factory alone knows the kind, so each gets a flag first and the
      // kind afterwards, which no outcome precedes.
      auto place = std::make_shared<std::atomic<size_t>>(0);
      absl::StatusOr<ExecutorEntry> entry = factory(
          {.notify =
               [this, ready = ready_, place] {
                 (*ready)[place->load()].store(true, std::memory_order_release);
                 loop_.Post([] {});
               },
           .clock = &clock_,
           .work_folder = options_.data_folder + kWorkFolder,
           .ties = {.work_lock = folder_->work_lock(),
                    .lease = lease_->fd(),
                    .owner = mark}});
      if (!entry.ok()) return entry.status();
      place->store(static_cast<size_t>(entry->executor->facts().kind));
      entries.push_back(*std::move(entry));
    }
    return entries;
  }

  AgentOptions options_;
  SystemClock clock_;
  EventLoop loop_;
  Random random_;
  // Shared with the executors' Notify, which may outlast the session.
  std::shared_ptr<AgentSession::Ready> ready_;
  std::unique_ptr<DataFolder> folder_;
  std::optional<LeasePage> lease_;
  std::unique_ptr<AgentSession> session_;
  AgentMetrics metrics_;
  std::atomic<int64_t> turned_at_ = 0;
  std::atomic<bool> takes_work_ = false;
  std::string http_address_;
  std::unique_ptr<StatusServer> status_server_;  // uses what stands above
  absl::Status ended_;
  std::thread thread_;
};

absl::StatusOr<std::unique_ptr<AgentServer>> AgentServer::Start(
    AgentOptions options, WireContext& context) {
  std::unique_ptr<AgentServer> server(
      new AgentServer(std::make_unique<Impl>(std::move(options))));
  const absl::Status started = server->impl_->Start(context);
  if (!started.ok()) return started;
  return server;
}

AgentServer::AgentServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AgentServer::~AgentServer() = default;

const std::string& AgentServer::http_address() const {
  return impl_->http_address();
}
void AgentServer::Drain() { impl_->Drain(); }
void AgentServer::Stop() { impl_->Stop(); }
absl::Status AgentServer::Join() { return impl_->Join(); }

}  // namespace remuda
