#include "jobs/verdict/evidence_json.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"

namespace remuda {
namespace {

using nlohmann::json;

double Plain(double number) { return number; }
double Plain(RealSeconds seconds) { return seconds.count(); }

template <typename Sum>
void Put(json& body, const char* name, const Known<Sum>& known) {
  if (known.attempts <= 0) return;
  body[name] = {{"attempts", known.attempts},
                {"sum", Plain(known.sum)},
                {"wall_seconds", known.wall.count()}};
}

// Reads numbers that are there, and notes whether all were such numbers.
class Numbers {
 public:
  double Get(const json& body, const char* name) {
    const auto at = body.find(name);
    return at == body.end() ? 0 : Checked(*at);
  }

  template <typename Sum>
  Known<Sum> GetKnown(const json& body, const char* name) {
    const auto at = body.find(name);
    if (at == body.end()) return {};
    if (!at->is_object()) {
      are_good_ = false;
      return {};
    }
    return {.attempts = Get(*at, "attempts"),
            .sum = Sum(Get(*at, "sum")),
            .wall = RealSeconds(Get(*at, "wall_seconds"))};
  }

  double Checked(const json& value) {
    const double number = value.is_number() ? value.get<double>() : -1;
    if (std::isfinite(number) && number >= 0) return number;
    are_good_ = false;
    return 0;
  }

  bool are_good() const { return are_good_; }

 private:
  bool are_good_ = true;
};

json WallsOf(const Evidence& evidence) {
  json walls = json::array();
  size_t used = Evidence::kBuckets;
  while (used > 0 && evidence.walls[used - 1] == 0) --used;
  for (size_t i = 0; i < used; ++i) walls.push_back(evidence.walls[i]);
  return walls;
}

constexpr double kSlotsMax = 1e9;

// Sets `list` from the members of an array; what is missing stays.
template <typename List, typename Make>
void ReadList(const json& body, const char* name, List& list, Make make) {
  const auto at = body.find(name);
  if (at == body.end() || !at->is_array()) return;
  for (size_t i = 0; i < std::min(at->size(), list.size()); ++i) {
    list[i] = make((*at)[i]);
  }
}

}  // namespace

std::string EvidenceToJson(const Evidence& evidence) {
  json body = {{"attempts", evidence.attempts},
               {"failed", evidence.failed},
               {"wall_seconds", evidence.wall.count()},
               {"wall_squared", evidence.wall_squared},
               {"active_seconds", evidence.active.count()},
               {"walls", WallsOf(evidence)},
               {"slots", evidence.slots}};
  Put(body, "cpu", evidence.cpu);
  Put(body, "run_queue_delay", evidence.run_queue_delay);
  Put(body, "gil_wait", evidence.gil_wait);
  Put(body, "gil_held", evidence.gil_held);
  Put(body, "loop_wait", evidence.loop_wait);
  Put(body, "loop_lag", evidence.loop_lag);
  Put(body, "switches_voluntary", evidence.switches_voluntary);
  Put(body, "switches_involuntary", evidence.switches_involuntary);
  Put(body, "memory_bytes", evidence.memory_bytes);
  if (evidence.memory_max_bytes > 0) {
    body["memory_max_bytes"] = evidence.memory_max_bytes;
  }
  if (evidence.agent_memory_bytes > 0) {
    body["agent_memory_bytes"] = evidence.agent_memory_bytes;
  }
  Put(body, "bytes_in", evidence.bytes_in);
  Put(body, "bytes_out", evidence.bytes_out);
  return body.dump();
}

absl::StatusOr<Evidence> EvidenceFromJson(const std::string& text) {
  const json body = json::parse(text, nullptr, false);
  if (!body.is_object()) return absl::InvalidArgumentError("not evidence");
  Numbers numbers;
  Evidence evidence;
  evidence.attempts = numbers.Get(body, "attempts");
  evidence.failed = numbers.Get(body, "failed");
  evidence.wall = RealSeconds(numbers.Get(body, "wall_seconds"));
  evidence.wall_squared = numbers.Get(body, "wall_squared");
  evidence.active = RealSeconds(numbers.Get(body, "active_seconds"));
  ReadList(body, "walls", evidence.walls,
           [&](const json& value) { return numbers.Checked(value); });
  ReadList(body, "slots", evidence.slots, [&](const json& value) {
    return static_cast<uint64_t>(std::min(numbers.Checked(value), kSlotsMax));
  });
  evidence.cpu = numbers.GetKnown<RealSeconds>(body, "cpu");
  evidence.run_queue_delay =
      numbers.GetKnown<RealSeconds>(body, "run_queue_delay");
  evidence.gil_wait = numbers.GetKnown<RealSeconds>(body, "gil_wait");
  evidence.gil_held = numbers.GetKnown<RealSeconds>(body, "gil_held");
  evidence.loop_wait = numbers.GetKnown<RealSeconds>(body, "loop_wait");
  evidence.loop_lag = numbers.GetKnown<RealSeconds>(body, "loop_lag");
  evidence.switches_voluntary =
      numbers.GetKnown<double>(body, "switches_voluntary");
  evidence.switches_involuntary =
      numbers.GetKnown<double>(body, "switches_involuntary");
  evidence.memory_bytes = numbers.GetKnown<double>(body, "memory_bytes");
  evidence.memory_max_bytes = numbers.Get(body, "memory_max_bytes");
  evidence.agent_memory_bytes = numbers.Get(body, "agent_memory_bytes");
  evidence.bytes_in = numbers.GetKnown<double>(body, "bytes_in");
  evidence.bytes_out = numbers.GetKnown<double>(body, "bytes_out");
  if (!numbers.are_good()) {
    return absl::InvalidArgumentError("evidence with impossible numbers");
  }
  return evidence;
}

}  // namespace remuda
