#include "wire/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <deque>
#include <limits>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/mutex.h"
#include "wire/process_usage.h"

namespace remuda {
namespace {

// By what share a sum of many doubles may be off.
constexpr double kRounding = 1e-9;

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

// One child of a histogram counted elsewhere. prometheus-cpp has none that can
// be set, so these go to the serializer by themselves.
class CopiedBuckets {
 public:
  CopiedBuckets(const Metrics::Labels& labels, const BucketCounts& empty)
      : labels_(labels), counts_(empty) {}

  void Set(const BucketCounts& counts) {
    const MutexLock lock(mutex_);
    CHECK(counts.bounds().data() == counts_.bounds().data());
    counts_ = counts;
  }

  bool Is(const Metrics::Labels& labels) const { return labels_ == labels; }

  prometheus::ClientMetric Collect() const {
    prometheus::ClientMetric metric;
    for (const auto& [name, value] : labels_) {
      metric.label.push_back({name, value});
    }
    const MutexLock lock(mutex_);
    uint64_t up_to = 0;
    for (size_t at = 0; at <= counts_.bounds().size(); ++at) {
      up_to += counts_.count(at);
      metric.histogram.bucket.push_back(
          {up_to, at < counts_.bounds().size()
                      ? counts_.bounds()[at]
                      : std::numeric_limits<double>::infinity()});
    }
    metric.histogram.sample_count = up_to;
    metric.histogram.sample_sum = counts_.sum();
    return metric;
  }

 private:
  const Metrics::Labels labels_;
  mutable Mutex mutex_;
  BucketCounts counts_ GUARDED_BY(mutex_);
};

struct CopiedFamily {
  std::string help;
  std::deque<CopiedBuckets> children;  // never move
};

}  // namespace

class Metrics::Impl {
 public:
  explicit Impl(size_t series_max)
      : series_max_(series_max),
        cpu_(Process<prometheus::Counter>("process_cpu_seconds_total",
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
    const MutexLock lock(mutex_);
    size_t series = 1;
    if constexpr (std::is_same_v<T, prometheus::Histogram>) {
      series = SeriesOfHistogram(args.size()...);
    }
    Admit(kind, name, help, series, labels);
    return &FamilyOf<T>(name, help).Add(labels, std::forward<Args>(args)...);
  }

  CopiedBuckets* AddCopied(const std::string& name, const std::string& help,
                           const BucketCounts& empty, Labels labels) {
    const MutexLock lock(mutex_);
    Admit(Kind::kHistogram, name, help,
          SeriesOfHistogram(empty.bounds().size()), labels);
    CopiedFamily& family = copied_[name];
    family.help = help;
    for (CopiedBuckets& child : family.children) {
      if (child.Is(labels)) return &child;
    }
    return &family.children.emplace_back(labels, empty);
  }

  size_t series() {
    const MutexLock lock(mutex_);
    return series_count_;
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
    std::vector<prometheus::MetricFamily> families = registry_.Collect();
    for (const auto& [name, copied] : copied_) {
      prometheus::MetricFamily& family = families.emplace_back();
      family.name = name;
      family.help = copied.help;
      family.type = prometheus::MetricType::Histogram;
      for (const CopiedBuckets& child : copied.children) {
        family.metric.push_back(child.Collect());
      }
    }
    return prometheus::TextSerializer().Serialize(families);
  }

 private:
  // A series a bound, one for the rest, a sum and a count.
  static size_t SeriesOfHistogram(size_t bounds) { return bounds + 3; }

  // Checks what is to be added, and changes the labels if it is too much.
  void Admit(Kind kind, const std::string& name, const std::string& help,
             size_t series, Labels& labels) REQUIRES(mutex_) {
    CHECK(IsWord(name) && name.starts_with("remuda_") && !help.empty());
    CHECK((kind == Kind::kCounter) == name.ends_with("_total"));
    CheckLabels(labels);
    const auto known = kinds_.emplace(name, kind);
    CHECK(known.first->second == kind);
    if (series_.contains({name, labels})) return;
    if (series_count_ + series > series_max_) {
      for (auto& [key, value] : labels) value = "other";
    }
    if (series_.emplace(name, labels).second) series_count_ += series;
  }

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
  size_t series_count_ GUARDED_BY(mutex_) = 0;
  std::map<std::string, CopiedFamily> copied_ GUARDED_BY(mutex_);
  const size_t series_max_;

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

void Metrics::Counter::AdvanceTo(double total) {
  const double by = total - value();
  // A sum of parts may be off in its last bits.
  CHECK(by >= -kRounding * total);
  if (by > 0) Add(by);
}

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

void Metrics::Buckets::Set(const BucketCounts& counts) {
  static_cast<CopiedBuckets*>(copied_)->Set(counts);
}

Metrics::Metrics(const std::string& role, const std::string& version,
                 size_t series_max)
    : impl_(std::make_unique<Impl>(series_max)) {
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

Metrics::Buckets Metrics::AddBuckets(const std::string& name,
                                     const std::string& help,
                                     const BucketCounts& empty,
                                     const Labels& labels) {
  return Buckets(impl_->AddCopied(name, help, empty, labels));
}

size_t Metrics::series() const { return impl_->series(); }

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
