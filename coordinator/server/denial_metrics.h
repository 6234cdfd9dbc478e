#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "wire/access.h"
#include "wire/metrics.h"

namespace remuda {

// How often which role asked for what it may not. Every role with every
// message is there from the start: which of them are denied is not known here.
//
// Thread: confined to its owner's.
// Lifetime: the metrics outlive it.
class DenialMetrics {
 public:
  explicit DenialMetrics(Metrics& metrics);

  // `type` is the name of a message that a coordinator hears.
  void Count(Role role, std::string_view type);

 private:
  std::map<std::pair<Role, std::string>, Metrics::Counter> denied_;
};

}  // namespace remuda
