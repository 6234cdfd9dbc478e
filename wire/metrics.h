#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "wire/bucket_counts.h"

namespace remuda {

// A process's numbers for Prometheus, in the text format 0.0.4. Which numbers
// there are is decided by whoever adds them. Adding is slow and meant for the
// start; what it returns is cheap to use and kept for good.
//
// Every name begins with "remuda_". Label names are as in a closed list and
// label values are of [a-z0-9_.], see LabelValue(); anything else is a
// programmer error. The process's own numbers are always there.
//
// Thread: any, for all of it.
// Lifetime: outlives what it handed out.
class Metrics {
 public:
  // Series, as Prometheus counts them: each bucket of a histogram is one. What
  // would come to more counts under the label values "other".
  static constexpr size_t kSeriesMax = 10'000;

  using Labels = std::map<std::string, std::string>;

  // Only rises; its name ends in "_total".
  class Counter {
   public:
    Counter() = default;
    // `by` must not be negative.
    void Add(double by = 1);
    // For totals that are counted elsewhere; a lower one is a programmer error.
    // One thread only.
    void AdvanceTo(double total);
    double value() const;

   private:
    friend class Metrics;
    explicit Counter(void* counter) : counter_(counter) {}
    void* counter_ = nullptr;  // a prometheus::Counter
  };

  class Gauge {
   public:
    Gauge() = default;
    void Set(double value);
    void Add(double by);
    double value() const;

   private:
    friend class Metrics;
    explicit Gauge(void* gauge) : gauge_(gauge) {}
    void* gauge_ = nullptr;  // a prometheus::Gauge
  };

  class Histogram {
   public:
    Histogram() = default;
    void Observe(double value);

   private:
    friend class Metrics;
    explicit Histogram(void* histogram) : histogram_(histogram) {}
    void* histogram_ = nullptr;  // a prometheus::Histogram
  };

  // A histogram that somebody else counts.
  class Buckets {
   public:
    Buckets() = default;
    // Takes over a copy. Its bounds are those that AddBuckets() was given.
    void Set(const BucketCounts& counts);

   private:
    friend class Metrics;
    explicit Buckets(void* copied) : copied_(copied) {}
    void* copied_ = nullptr;
  };

  // The role is "coordinator" or "agent".
  Metrics(const std::string& role, const std::string& version,
          size_t series_max = kSeriesMax);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // The same name and labels give the same number again; the same name with
  // another kind is a programmer error.
  Counter AddCounter(const std::string& name, const std::string& help,
                     const Labels& labels = {});
  Gauge AddGauge(const std::string& name, const std::string& help,
                 const Labels& labels = {});
  // `bounds` rise.
  Histogram AddHistogram(const std::string& name, const std::string& help,
                         const std::vector<double>& bounds,
                         const Labels& labels = {});

  Buckets AddBuckets(const std::string& name, const std::string& help,
                     const BucketCounts& empty, const Labels& labels = {});

  // Series so far, without the process's own.
  size_t series() const;

  // What a scrape gets. May take some milliseconds: not for a loop's thread.
  std::string Serialize() const;

  // From 100 microseconds to 100 s, three a decade.
  static const std::vector<double>& SecondsBounds();

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

// Any text as a label value: lower case, and '_' for what is not allowed, so
// that "process-pool" becomes "process_pool". Empty becomes "none".
std::string LabelValue(std::string_view text);

}  // namespace remuda
