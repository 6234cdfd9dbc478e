#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "coordinator/core/output.h"
#include "wire/access.h"
#include "wire/client_messages.h"

namespace remuda {

// Who asked something that it may ask, as far as the answer depends on it.
struct Asker {
  Peer peer;
  uint64_t number = 0;  // of the request
  Permission permission = Permission::kDenied;
  std::string name;  // of its identity; empty: local

  // The only owner whose jobs it may see; nothing: everybody's.
  std::optional<std::string> only_owner() const {
    if (permission == Permission::kAll) return std::nullopt;
    return name;
  }
  bool MaySee(const JobSummary& job) const {
    return permission == Permission::kAll ||
           (!name.empty() && job.owner == name);
  }
};

// The key under which a submission is kept: a key is its owner's alone, so
// that nobody meets another's jobs by guessing. Local keys stay as they are,
// unless they look like one of these.
inline std::string OwnedKey(const std::string& owner, const std::string& key) {
  if (owner.empty() && !key.starts_with('@')) return key;
  return "@" + owner + "/" + key;
}

}  // namespace remuda
