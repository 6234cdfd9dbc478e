#include "wire/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/mutex.h"
#include "wire/process_usage.h"

namespace remuda {
namespace {

enum class Kind { kCounter, kGauge, kHistogram };

bool IsWord(const std::string& text) {
  return !text.empty() && std::islower(static_cast<unsigned char>(text[0])) &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::islower(c) || std::isdigit(c) || c == '_';
         });
}

bool IsLabelValue(const std::string& text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::islower(c) || std::isdigit(c) || c == '_' || c == '.';
         });
}

// What Prometheus itself sets, and what would have no end.
void CheckLabels(const Metrics::Labels& labels) {
  static const std::set<std::string> kForbidden = {
      "job", "instance", "le", "quantile", "task", "attempt", "agent", "name"};
  for (const auto& [name, value] : labels) {
    CHECK(IsWord(name) && !kForbidden.contains(name));
    CHECK(IsLabelValue(value));
  }
}

}  // namespace

class Metrics::Impl {
 public:
  Impl()
      : cpu_(Process<prometheus::Counter>("process_cpu_seconds_total",
                                          "User and system CPU time spent.")),
        memory_(Process<prometheus::Gauge>("process_resident_memory_bytes",
                                           "Resident memory.")),
        open_fds_(Process<prometheus::Gauge>("process_open_fds",
                                             "Open file descriptors.")),
        max_fds_(Process<prometheus::Gauge>(
            "process_max_fds", "Most file descriptors that may be open.")),
        start_time_(Process<prometheus::Gauge>(
            "process_start_time_seconds",
            "Start of the process in seconds since 1970.")),
        threads_(Process<prometheus::Gauge>("process_threads", "Threads.")) {}

  template <typename T, typename... Args>
  T* Add(Kind kind, const std::string& name, const std::string& help,
         Labels labels, Args&&... args) {
    CHECK(IsWord(name) && name.starts_with("remuda_") && !help.empty());
    CHECK((kind == Kind::kCounter) == name.ends_with("_total"));
    CheckLabels(labels);
    const MutexLock lock(mutex_);
    const auto known = kinds_.emplace(name, kind);
    CHECK(known.first->second == kind);
    if (!series_.contains({name, labels}) && series_.size() >= kSeriesMax) {
      for (auto& [key, value] : labels) value = "other";
    }
    series_.emplace(name, labels);
    return &FamilyOf<T>(name, help).Add(labels, std::forward<Args>(args)...);
  }

  std::string Serialize() {
    const MutexLock lock(mutex_);
    const ProcessUsage usage = ReadProcessUsage();
    // Cumulative, but read in parts: it must not seem to fall.
    cpu_.Increment(std::max(0.0, usage.cpu_seconds - cpu_.Value()));
    memory_.Set(usage.resident_bytes);
    open_fds_.Set(usage.open_fds);
    max_fds_.Set(usage.max_fds);
    start_time_.Set(usage.start_time_seconds);
    threads_.Set(usage.threads);
    return prometheus::TextSerializer().Serialize(registry_.Collect());
  }

 private:
  template <typename T>
  prometheus::Family<T>& FamilyOf(const std::string& name,
                                  const std::string& help) {
    if constexpr (std::is_same_v<T, prometheus::Counter>) {
      return prometheus::BuildCounter().Name(name).Help(help).Register(
          registry_);
    } else if constexpr (std::is_same_v<T, prometheus::Gauge>) {
      return prometheus::BuildGauge().Name(name).Help(help).Register(registry_);
    } else {
      return prometheus::BuildHistogram().Name(name).Help(help).Register(
          registry_);
    }
  }

  template <typename T>
  T& Process(const std::string& name, const std::string& help) {
    return FamilyOf<T>(name, help).Add({});
  }

  Mutex mutex_;
  // One family per name: registering it again gives the first one.
  prometheus::Registry registry_{prometheus::Registry::InsertBehavior::Merge};
  std::map<std::string, Kind> kinds_ GUARDED_BY(mutex_);
  std::set<std::pair<std::string, Labels>> series_ GUARDED_BY(mutex_);

  prometheus::Counter& cpu_;
  prometheus::Gauge& memory_;
  prometheus::Gauge& open_fds_;
  prometheus::Gauge& max_fds_;
  prometheus::Gauge& start_time_;
  prometheus::Gauge& threads_;
};

void Metrics::Counter::Add(double by) {
  CHECK(by >= 0);
  static_cast<prometheus::Counter*>(counter_)->Increment(by);
}

void Metrics::Counter::AdvanceTo(double total) { Add(total - value()); }

double Metrics::Counter::value() const {
  return static_cast<prometheus::Counter*>(counter_)->Value();
}

void Metrics::Gauge::Set(double value) {
  static_cast<prometheus::Gauge*>(gauge_)->Set(value);
}

void Metrics::Gauge::Add(double by) {
  static_cast<prometheus::Gauge*>(gauge_)->Increment(by);
}

double Metrics::Gauge::value() const {
  return static_cast<prometheus::Gauge*>(gauge_)->Value();
}

void Metrics::Histogram::Observe(double value) {
  static_cast<prometheus::Histogram*>(histogram_)->Observe(value);
}

Metrics::Metrics(const std::string& role, const std::string& version)
    : impl_(std::make_unique<Impl>()) {
  AddGauge("remuda_build_info", "What this process is; always 1.",
           {{"role", LabelValue(role)}, {"version", LabelValue(version)}})
      .Set(1);
}

Metrics::~Metrics() = default;

Metrics::Counter Metrics::AddCounter(const std::string& name,
                                     const std::string& help,
                                     const Labels& labels) {
  return Counter(
      impl_->Add<prometheus::Counter>(Kind::kCounter, name, help, labels));
}

Metrics::Gauge Metrics::AddGauge(const std::string& name,
                                 const std::string& help,
                                 const Labels& labels) {
  return Gauge(impl_->Add<prometheus::Gauge>(Kind::kGauge, name, help, labels));
}

Metrics::Histogram Metrics::AddHistogram(const std::string& name,
                                         const std::string& help,
                                         const std::vector<double>& bounds,
                                         const Labels& labels) {
  CHECK(!bounds.empty() && std::is_sorted(bounds.begin(), bounds.end()));
  return Histogram(impl_->Add<prometheus::Histogram>(Kind::kHistogram, name,
                                                     help, labels, bounds));
}

std::string Metrics::Serialize() const { return impl_->Serialize(); }

const std::vector<double>& Metrics::SecondsBounds() {
  static const std::vector<double> bounds = {
      0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1,
      0.2,    0.5,    1,      2,     5,     10,    20,   50,   100};
  return bounds;
}

std::string LabelValue(std::string_view text) {
  if (text.empty()) return "none";
  std::string value(text);
  for (char& c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 'A' && byte <= 'Z') {
      c = static_cast<char>(byte - 'A' + 'a');
    } else if (!(byte >= 'a' && byte <= 'z') && !(byte >= '0' && byte <= '9') &&
               c != '_' && c != '.') {
      c = '_';
    }
  }
  return value;
}

}  // namespace remuda
