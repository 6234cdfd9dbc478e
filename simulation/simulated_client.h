#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "coordinator/core/input.h"
#include "jobs/ids.h"
#include "simulation/problems.h"
#include "simulation/shape.h"
#include "wire/client_messages.h"

namespace remuda {

// Parts of a job's name that say what the simulation makes of its tasks.
inline constexpr char kListMark[] = ".list";        // their items are a list
inline constexpr char kEndlessMark[] = ".endless";  // some never end
inline constexpr char kPoisonMark[] = ".poison";    // the first kills its agent
inline constexpr char kLongMark[] = ".long";        // they take kLongTask
inline constexpr Duration kLongTask = std::chrono::seconds(10);

// Somebody who submits some jobs under one key until that is confirmed, and
// perhaps cancels the first of them until that is.
//
// Thread: confined to its run.
class SimulatedClient {
 public:
  SimulatedClient(Random& random, const Shape& shape, uint64_t number,
                  MonotonicTime start);

  enum class Wish : uint8_t { kNothing, kSubmit, kCancel };
  // What it asks for now; asking takes time until it does so again.
  Wish Ask(MonotonicTime now);
  std::optional<MonotonicTime> next_time() const;

  // Notes the reply. The jobs that are cancelled from now on are added.
  void OnReply(const ClientReply& reply, std::set<JobId>& cancelled,
               Problems& problems);

  const std::string& key() const { return key_; }
  const std::vector<JobToAccept>& jobs() const { return jobs_; }
  const std::vector<JobId>& ids() const { return ids_; }
  bool satisfied() const;

 private:
  void AddJob(Random& random, const Shape& shape, uint64_t place);

  const std::string key_;
  std::vector<JobToAccept> jobs_;
  std::vector<JobId> ids_;  // once accepted
  bool cancels_ = false;
  bool cancelled_ = false;
  MonotonicTime cancel_at_{};
  MonotonicTime next_try_{};
};

}  // namespace remuda
