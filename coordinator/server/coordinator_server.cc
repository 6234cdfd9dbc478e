#include "coordinator/server/coordinator_server.h"

#include <atomic>
#include <cstdlib>
#include <thread>
#include <utility>

#include "base/event_loop.h"
#include "base/log.h"
#include "base/mutex.h"
#include "coordinator/server/coordinator_loop.h"
#include "coordinator/server/coordinator_metrics.h"
#include "coordinator/server/key_ring.h"
#include "coordinator/server/loop_door.h"
#include "wire/status_server.h"

namespace remuda {

class CoordinatorServer::Impl {
 public:
  explicit Impl(const CoordinatorOptions& options)
      : options_(options), metrics_(options.version), loop_(clock_) {}

  ~Impl() {
    Stop();
    (void)Join();
  }

  absl::Status Start(WireContext& context) {
    if (!options_.keys.empty()) {
      absl::StatusOr<std::unique_ptr<KeyRing>> ring =
          KeyRing::Open(options_.keys, context, clock_);
      if (!ring.ok()) return ring.status();
      key_ring_ = *std::move(ring);
    } else if (!IsLocalEndpoint(options_.listen)) {
      return absl::FailedPreconditionError(KeysNeededFor(options_.listen));
    }
    absl::StatusOr<Store> store = Store::Open(
        {.folder = options_.data, .durability = options_.durability});
    if (!store.ok()) return store.status();
    database_path_ = store->folder().database_path();

    CoordinatorLoop::Options loop_options;
    loop_options.listen = options_.listen;
    loop_options.version = options_.version;
    loop_options.durability = options_.durability;
    loop_options.core.lease = options_.lease;
    loop_options.core.agents_die_with_us = options_.agents_die_with_us;
    loop_options.core.heartbeat_interval = options_.heartbeat_interval;
    loop_options.core.suspect_after = options_.suspect_after;
    loop_options.on_store_failure = [this](const absl::Status& status) {
      OnStoreFailure(status);
    };
    loop_options.keys = key_ring_.get();
    absl::StatusOr<std::unique_ptr<CoordinatorLoop>> coordinator =
        CoordinatorLoop::Start(loop_options, *std::move(store), context, loop_,
                               metrics_, door_);
    if (!coordinator.ok()) return coordinator.status();
    coordinator_ = *std::move(coordinator);
    endpoint_ = coordinator_->endpoint();
    if (key_ring_ != nullptr) {
      // Before the loop runs, so before anybody is served.
      const absl::Status closed = key_ring_->ProveClosed(endpoint_);
      if (!closed.ok()) return closed;
    }
    if (!options_.http.empty()) {
      absl::StatusOr<std::unique_ptr<StatusServer>> status =
          StatusServer::Start(options_.http,
                              {.metrics = [this] { return Scrape(); },
                               .live = [this] { return Live(); },
                               .ready = [this] { return Ready(); }});
      if (!status.ok()) return status.status();
      status_server_ = *std::move(status);
      http_address_ = status_server_->address();
    }
    Tick();
    thread_ = std::thread([this] { loop_.Run(); });
    return absl::OkStatus();
  }

  const std::string& endpoint() const { return endpoint_; }
  const std::string& http_address() const { return http_address_; }

  Metrics& metrics() { return metrics_.registry(); }
  RequestDoor& door() { return door_; }
  void Reload() {
    if (key_ring_ == nullptr || !key_ring_->Reload().ok()) return;
    loop_.Post([this] { coordinator_->OnKeysChanged(); });
  }

  void Stop() {
    stopping_ = true;
    loop_.Stop();
  }

  absl::Status Join() {
    if (thread_.joinable()) thread_.join();
    status_server_.reset();
    if (key_ring_ != nullptr) key_ring_->StopProving();
    coordinator_.reset();
    MutexLock lock(mutex_);
    return failure_;
  }

 private:
  // How long a scrape waits for the loop; then it shows what was known.
  static constexpr Duration kScrapePatience = std::chrono::milliseconds(500);
  static constexpr Duration kTickInterval = std::chrono::seconds(1);
  static constexpr Duration kTickAgeMax = std::chrono::seconds(10);

  // One scrape's question to the loop.
  struct Question {
    Mutex mutex;
    CondVar answered;
    bool done GUARDED_BY(mutex) = false;
  };

  void Tick() {
    ticked_ = clock_.Now().time_since_epoch().count();
    loop_.RunAfter(kTickInterval, [this] { Tick(); });
  }

  // On the HTTP thread.
  std::string Scrape() {
    // Shared with the loop, which may answer when nobody waits any more.
    auto question = std::make_shared<Question>();
    if (!stopping_) {
      loop_.Post([this, question] {
        coordinator_->PublishMetrics();
        MutexLock lock(question->mutex);
        question->done = true;
        question->answered.NotifyOne();
      });
      const MonotonicTime end = clock_.Now() + kScrapePatience;
      MutexLock lock(question->mutex);
      while (!question->done && clock_.Now() < end) {
        question->answered.WaitFor(question->mutex, end - clock_.Now());
      }
    }
    metrics_.PublishSizes(database_path_);
    return metrics_.Serialize();
  }

  // On the HTTP thread. Never asks the disk or a peer.
  absl::Status Live() const {
    const Duration age = clock_.Now().time_since_epoch() - Duration(ticked_);
    if (age <= kTickAgeMax) return absl::OkStatus();
    return absl::UnavailableError("the control loop stands still");
  }

  absl::Status Ready() const {
    if (stopping_) return absl::UnavailableError("the coordinator is stopping");
    return Live();
  }

  // On the store's thread.
  void OnStoreFailure(const absl::Status& status) {
    Log(LogLevel::kError, "store_failed",
        "The state cannot be written; the coordinator stops.",
        {{"folder", options_.data}, {"reason", status.ToString()}});
    metrics_.OnStoreError(status);
    if (!options_.on_store_failure) {
      // Without the destructors of other threads' objects, as they still run.
      std::_Exit(kStorageExitCode);
    }
    {
      MutexLock lock(mutex_);
      failure_ = status;
    }
    options_.on_store_failure(status);
    Stop();
  }

  const CoordinatorOptions options_;
  const SystemClock clock_{SystemClock::Suspend::kCounted};
  CoordinatorMetrics metrics_;
  EventLoop loop_;
  std::unique_ptr<KeyRing> key_ring_;
  LoopDoor door_{loop_};
  std::unique_ptr<CoordinatorLoop> coordinator_;
  std::string endpoint_;
  std::string http_address_;
  std::string database_path_;
  std::atomic<Duration::rep> ticked_ = 0;
  std::atomic<bool> stopping_ = false;
  Mutex mutex_;
  absl::Status failure_ GUARDED_BY(mutex_);
  std::unique_ptr<StatusServer> status_server_;
  std::thread thread_;
};

absl::StatusOr<std::unique_ptr<CoordinatorServer>> CoordinatorServer::Start(
    const CoordinatorOptions& options, WireContext& context) {
  auto impl = std::make_unique<Impl>(options);
  const absl::Status status = impl->Start(context);
  if (!status.ok()) return status;
  return std::unique_ptr<CoordinatorServer>(
      new CoordinatorServer(std::move(impl)));
}

CoordinatorServer::CoordinatorServer(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}

CoordinatorServer::~CoordinatorServer() = default;

const std::string& CoordinatorServer::endpoint() const {
  return impl_->endpoint();
}

const std::string& CoordinatorServer::http_address() const {
  return impl_->http_address();
}

Metrics& CoordinatorServer::metrics() { return impl_->metrics(); }

RequestDoor& CoordinatorServer::door() { return impl_->door(); }

void CoordinatorServer::Reload() { impl_->Reload(); }

void CoordinatorServer::Stop() { impl_->Stop(); }

absl::Status CoordinatorServer::Join() { return impl_->Join(); }

}  // namespace remuda
