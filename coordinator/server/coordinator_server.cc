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

namespace remuda {

class CoordinatorServer::Impl {
 public:
  explicit Impl(const CoordinatorOptions& options)
      : options_(options), loop_(clock_) {}

  ~Impl() {
    Stop();
    (void)Join();
  }

  absl::Status Start(WireContext& context) {
    if (!IsLocalEndpoint(options_.listen)) {
      return absl::UnimplementedError(
          "cannot listen on " + options_.listen +
          ": an address off this machine needs keys, which are not supported "
          "yet; use tcp://127.0.0.1:PORT or ipc://PATH");
    }
    absl::StatusOr<Store> store = Store::Open(
        {.folder = options_.data, .durability = options_.durability});
    if (!store.ok()) return store.status();

    CoordinatorLoop::Options loop_options;
    loop_options.listen = options_.listen;
    loop_options.version = options_.version;
    loop_options.durability = options_.durability;
    loop_options.core.lease = options_.lease;
    loop_options.core.heartbeat_interval = options_.heartbeat_interval;
    loop_options.core.suspect_after = options_.suspect_after;
    loop_options.on_store_failure = [this](const absl::Status& status) {
      OnStoreFailure(status);
    };
    absl::StatusOr<std::unique_ptr<CoordinatorLoop>> coordinator =
        CoordinatorLoop::Start(loop_options, *std::move(store), context, loop_,
                               metrics_);
    if (!coordinator.ok()) return coordinator.status();
    coordinator_ = *std::move(coordinator);
    endpoint_ = coordinator_->endpoint();
    thread_ = std::thread([this] { loop_.Run(); });
    return absl::OkStatus();
  }

  const std::string& endpoint() const { return endpoint_; }
  const std::string& http_address() const { return http_address_; }

  void Stop() { loop_.Stop(); }

  absl::Status Join() {
    if (thread_.joinable()) thread_.join();
    coordinator_.reset();
    MutexLock lock(mutex_);
    return failure_;
  }

 private:
  // On the store's thread.
  void OnStoreFailure(const absl::Status& status) {
    Log(LogLevel::kError, "store_failed",
        "The state cannot be written; the coordinator stops.",
        {{"folder", options_.data}, {"reason", status.ToString()}});
    if (!options_.on_store_failure) {
      // Without the destructors of other threads' objects, as they still run.
      std::_Exit(kStorageExitCode);
    }
    {
      MutexLock lock(mutex_);
      failure_ = status;
    }
    options_.on_store_failure(status);
    loop_.Stop();
  }

  const CoordinatorOptions options_;
  const SystemClock clock_{SystemClock::Suspend::kCounted};
  CoordinatorMetrics metrics_;
  EventLoop loop_;
  std::unique_ptr<CoordinatorLoop> coordinator_;
  std::string endpoint_;
  std::string http_address_;
  Mutex mutex_;
  absl::Status failure_ GUARDED_BY(mutex_);
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

void CoordinatorServer::Stop() { impl_->Stop(); }

absl::Status CoordinatorServer::Join() { return impl_->Join(); }

}  // namespace remuda
